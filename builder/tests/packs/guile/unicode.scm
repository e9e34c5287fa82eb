(use-modules (ice-9 rdelim))

(display "Grüße, Мир, 世界, 😀\n")
(let next ((line (read-line)))
  (unless (eof-object? line)
    (format #t "~a ~a\n" (string-length line) (string-reverse line))
    (next (read-line))))
