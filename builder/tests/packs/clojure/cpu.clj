(println "spinning")
(loop [] (recur))
