(defun main ()
  (+ 1 "one"))

(print (main))
