(require '[clojure.string :as str])

(println "maps" (str/join " " (for [[word n] (sort (frequencies (str/split "banana apple cherry apple banana apple" #" ")))]
                                (str word "=" n))))
(println "sort" (str/join " " (sort [3 -5 9 0 8 -1])))
(println "bigint" (str (reduce *' (range 1 51))))
(println "regex" (str/join " " (re-seq #"\b\d{4}-\d{2}-\d{2}\b" "from 2024-02-29 to 1999-12-31, not 99-1-1")))
(println "decimal" (str (+ 0.1M 0.2M)))
(println "sqrt" (format "%.6f" (Math/sqrt 2)))
(println "time" (str (java.time.Instant/ofEpochSecond 1000000000)))
(println "threads" (reduce + (map deref (doall (for [i (range 4)]
                                                 (future (reduce + (range (inc (* i 250000)) (inc (* (inc i) 250000))))))))))
(shutdown-agents)
