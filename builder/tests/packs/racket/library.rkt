#lang racket
(require json racket/date)

(define counts
  (for/fold ([counts (hash)]) ([word (string-split "banana apple cherry apple banana apple")])
    (hash-update counts word add1 0)))
(printf "maps ~a\n" (string-join (for/list ([word (sort (hash-keys counts) string<?)])
                                   (format "~a=~a" word (hash-ref counts word)))))
(printf "sort ~a\n" (string-join (map number->string (sort '(3 -5 9 0 8 -1) <))))
(printf "bigint ~a\n" (for/product ([i (in-range 1 51)]) i))
(printf "regex ~a\n" (string-join (regexp-match* #px"\\b\\d{4}-\\d{2}-\\d{2}\\b"
                                                 "from 2024-02-29 to 1999-12-31, not 99-1-1")))
(define document (string->jsexpr "{\"name\": \"caf\\u00e9\", \"values\": [1, 2, 3]}"))
(printf "json ~a ~a ~a\n" (hash-ref document 'name) (apply + (hash-ref document 'values))
        (jsexpr->string (list 1 (json-null) "x")))
(printf "decimal ~a\n" (real->decimal-string (+ 1/10 2/10) 1))
(printf "sqrt ~a\n" (real->decimal-string (sqrt 2) 6))
(date-display-format 'iso-8601)
(printf "time ~aZ\n" (date->string (seconds->date 1000000000 #f) #t))
(define results (make-channel))
(for ([i 4])
  (thread (lambda () (channel-put results (for/sum ([n (in-range (+ 1 (* i 250000)) (+ 1 (* (add1 i) 250000)))]) n)))))
(printf "threads ~a\n" (for/sum ([i 4]) (channel-get results)))
