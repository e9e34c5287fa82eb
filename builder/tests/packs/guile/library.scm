(use-modules (ice-9 format) (ice-9 regex) (ice-9 threads) (srfi srfi-1) (srfi srfi-19))

(define counts (make-hash-table))
(for-each (lambda (word) (hash-set! counts word (+ 1 (hash-ref counts word 0))))
          (string-split "banana apple cherry apple banana apple" #\space))
(format #t "maps~:{ ~a=~a~}\n"
        (map (lambda (pair) (list (car pair) (cdr pair)))
             (sort (hash-map->list cons counts) (lambda (a b) (string<? (car a) (car b))))))
(format #t "sort~{ ~a~}\n" (sort '(3 -5 9 0 8 -1) <))
(format #t "bigint ~a\n" (apply * (iota 50 1)))
(format #t "regex~{ ~a~}\n"
        (map match:substring
             (list-matches "[0-9]{4}-[0-9]{2}-[0-9]{2}" "from 2024-02-29 to 1999-12-31, not 99-1-1")))
(format #t "decimal ~,1f\n" (+ 1/10 2/10))
(format #t "sqrt ~,6f\n" (sqrt 2))
(format #t "time ~a\n" (date->string (time-utc->date (make-time time-utc 0 1000000000) 0) "~Y-~m-~dT~H:~M:~SZ"))
(format #t "threads ~a\n"
        (apply + (map join-thread
                      (map (lambda (i)
                             (call-with-new-thread
                              (lambda () (fold + 0 (iota 250000 (+ 1 (* i 250000)))))))
                           (iota 4)))))
