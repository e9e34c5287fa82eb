(defun main ()
  (write-line "never")
