#lang racket
(provide greet)

(define (greet name)
  (printf "Hello, ~a!\n" name))
