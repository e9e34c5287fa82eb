import std/sequtils

var blocks: seq[seq[int]]
while true: blocks.add newSeqWith(131072, blocks.len)
