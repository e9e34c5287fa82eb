{-# LANGUAGE TemplateHaskell #-}

import Data.List (sort)

main = print $([| sum (sort [1 .. 3 :: Int]) |]) >> print $(let go 0 = [| 1 |]; go n = [| 2 * $(go (n - 1)) |] in go 5)
