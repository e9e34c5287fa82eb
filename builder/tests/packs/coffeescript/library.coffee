{ Worker, isMainThread, parentPort, workerData } = require "worker_threads"

quarter = (i) ->
  sum = 0
  sum += n for n in [i * 250000 + 1..(i + 1) * 250000]
  sum

main = ->
  counts = new Map
  for word in "banana apple cherry apple banana apple".split " "
    counts.set word, (counts.get(word) ? 0) + 1
  console.log "maps", ("#{word}=#{count}" for [word, count] from [counts...].sort()).join " "
  console.log "sort", [3, -5, 9, 0, 8, -1].sort((a, b) -> a - b).join " "
  factorial = 1n
  factorial *= BigInt i for i in [2..50]
  console.log "bigint", String factorial
  console.log "regex", "from 2024-02-29 to 1999-12-31, not 99-1-1".match(/\b\d{4}-\d{2}-\d{2}\b/g).join " "
  { name, values } = JSON.parse '{"name": "caf\\u00e9", "values": [1, 2, 3]}'
  console.log "json", name, values.reduce((a, b) -> a + b), JSON.stringify [1, null, "x"]
  console.log "sqrt", Math.sqrt(2).toFixed 6
  console.log "time", new Date(1e12).toISOString().replace ".000", ""
  parts = [0..3].map (i) -> new Promise (resolve, reject) ->
    new Worker(__filename, workerData: i).on("message", resolve).on "error", reject
  console.log "threads", (await Promise.all parts).reduce (a, b) -> a + b

if isMainThread then main() else parentPort.postMessage quarter workerData
