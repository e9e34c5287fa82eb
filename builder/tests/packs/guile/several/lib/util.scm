(define-module (lib util)
  #:export (greet))

(define (greet name)
  (format #t "Hello, ~a!\n" name))
