(println "Grüße, Мир, 世界, 😀")
(doseq [line (line-seq (java.io.BufferedReader. *in*))]
  (println (.codePointCount line 0 (count line)) (str (.reverse (StringBuilder. line)))))
