import std/[algorithm, json, math, sequtils, strformat, strutils, tables, times]

var counts: CountTable[string]
for word in "banana apple cherry apple banana apple".split: counts.inc word
echo "maps ", toSeq(counts.pairs).sortedByIt(it[0]).mapIt(&"{it[0]}={it[1]}").join(" ")
echo "sort ", [3, -5, 9, 0, 8, -1].sorted.join(" ")
let document = parseJson("""{"name": "caf\u00e9", "values": [1, 2, 3]}""")
echo "json ", document["name"].getStr, " ", document["values"].getElems.mapIt(it.getInt).sum, " ", %*[1, nil, "x"]
echo &"sqrt {sqrt(2.0):.6f}"
echo "time ", 1_000_000_000.fromUnix.utc.format("yyyy-MM-dd'T'HH:mm:ss'Z'")

var
  sums: array[4, int]
  threads: array[4, Thread[int]]

proc quarter(i: int) {.thread.} =
  for n in i * 250_000 + 1 .. (i + 1) * 250_000: sums[i] += n

for i in 0 .. 3: createThread(threads[i], quarter, i)
joinThreads threads
echo "threads ", sums.sum
