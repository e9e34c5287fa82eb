(ns lib.util)

(defn greet [name]
  (println (str "Hello, " name "!")))
