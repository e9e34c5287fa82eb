(defn inner [numbers]
  (inc (nth numbers 3)))

(defn outer []
  (inc (inner [1 2 3])))

(println "before")
(outer)
