(require '[lib.util :as util])

(util/greet (clojure.string/trim (slurp "data.txt")))
