(loop [blocks ()] (recur (conj blocks (long-array 131072))))
