(define blocks '())

(let grow ()
  (set! blocks (cons (make-string 1048576 #\x) blocks))
  (grow))
