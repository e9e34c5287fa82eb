(let [lines (line-seq (java.io.BufferedReader. *in*))
      numbers (long-array (map #(Long/parseLong %) (rest lines)))]
  (println "sum" (areduce numbers i sum 0 (+ sum (aget numbers i))))
  (println "xor" (areduce numbers i xor 0 (bit-xor xor (aget numbers i))))
  (java.util.Arrays/sort numbers)
  (println "median" (aget numbers (quot (alength numbers) 2))))
