(write-line "Grüße, Мир, 世界, 😀")
(loop for line = (read-line nil nil)
      while line do (format t "~a ~a~%" (length line) (reverse line)))
