import Lib.Util

main = readFile "data.txt" >>= greet . head . lines
