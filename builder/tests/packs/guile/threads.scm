(use-modules (ice-9 threads))

(define go (make-mutex))
(lock-mutex go)
(define threads
  (map (lambda (i) (call-with-new-thread (lambda () (with-mutex go i)))) (iota 100)))
(unlock-mutex go)
(for-each join-thread threads)
(display (length threads))
(newline)
