#lang racket
(displayln "Grüße, Мир, 世界, 😀")
(for ([line (in-lines)])
  (printf "~a ~a\n" (string-length line) (list->string (reverse (string->list line)))))
