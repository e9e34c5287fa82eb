(let [go (promise)
      threads (doall (repeatedly 100 #(future @go)))]
  (deliver go 1)
  (println (reduce + (map deref threads))))
(shutdown-agents)
