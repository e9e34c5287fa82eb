(declaim (notinline inner outer))

(defun inner (numbers)
  (1+ (elt numbers 3)))

(defun outer ()
  (1+ (inner (list 1 2 3))))

(write-line "before")
(print (outer))
