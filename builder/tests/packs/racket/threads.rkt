#lang racket
(define go (make-semaphore 0))
(define threads (for/list ([i 100]) (thread (lambda () (semaphore-wait go)))))
(for ([_ threads]) (semaphore-post go))
(for-each thread-wait threads)
(displayln (length threads))
