#lang racket
(define (sum n)
  (if (zero? n) 0 (+ n (sum (- n 1)))))

(displayln (sum 100000))
