(define (inner numbers)
  (+ 1 (vector-ref numbers 3)))

(define (outer)
  (+ 1 (inner (vector 1 2 3))))

(display "before\n")
(display (outer))
