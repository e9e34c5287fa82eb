(require :sb-concurrency)

(let ((counts (make-hash-table :test 'equal)))
  (dolist (word '("banana" "apple" "cherry" "apple" "banana" "apple"))
    (incf (gethash word counts 0)))
  (format t "maps~:{ ~a=~a~}~%"
          (sort (loop for word being the hash-keys of counts using (hash-value count) collect (list word count))
                #'string< :key #'first)))
(format t "sort~{ ~a~}~%" (sort (list 3 -5 9 0 8 -1) #'<))
(format t "bigint ~a~%" (reduce #'* (loop for i from 1 to 50 collect i)))
(format t "decimal ~,1f~%" (+ 1/10 2/10))
(format t "sqrt ~,6f~%" (sqrt 2d0))
(multiple-value-bind (second minute hour day month year)
    (decode-universal-time (+ 1000000000 (encode-universal-time 0 0 0 1 1 1970 0)) 0)
  (format t "time ~d-~2,'0d-~2,'0dT~2,'0d:~2,'0d:~2,'0dZ~%" year month day hour minute second))
(let ((threads (loop for i below 4
                     collect (let ((first (1+ (* i 250000))))
                               (sb-thread:make-thread
                                (lambda () (loop for n from first below (+ first 250000) sum n)))))))
  (format t "threads ~a~%" (reduce #'+ (mapcar #'sb-thread:join-thread threads))))
