(defun sum (n)
  (if (zerop n) 0 (+ n (sum (1- n)))))

(format t "~a~%" (sum 100000))
