#lang racket
(define (main)
  (displayln undefined-name))
