#lang racket
(let grow ([blocks '()])
  (grow (cons (make-bytes 1048576 1) blocks)))
