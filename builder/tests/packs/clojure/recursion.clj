(defn sum [n]
  (if (zero? n) 0 (+ n (sum (dec n)))))

(let [result (promise)]
  (.start (Thread. nil #(deliver result (sum 100000)) "deep" (bit-shift-left 1 26)))
  (println @result))
