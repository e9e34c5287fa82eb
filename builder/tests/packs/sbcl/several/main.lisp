(load "lib/util.lisp")

(with-open-file (in "data.txt")
  (funcall 'greet (read-line in)))
