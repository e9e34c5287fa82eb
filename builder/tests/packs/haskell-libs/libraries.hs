import qualified Data.HashMap.Strict as HashMap
import qualified Data.HashSet as HashSet
import Data.List.Split (chunksOf, splitOn)
import qualified Data.Vector as Boxed
import qualified Data.Vector.Unboxed as Vector
import qualified Data.Vector.Unboxed.Mutable as Mutable

main = do
  print (Vector.sum (Vector.enumFromN (1 :: Int) 100))
  print (HashMap.lookup "b" (HashMap.fromListWith (+) [(word, 1 :: Int) | word <- splitOn "," "a,b,b"]))
  print (HashSet.size (HashSet.fromList [1 :: Int, 2, 2]), chunksOf 2 "abcde", Boxed.maximum (Boxed.fromList "xyz"))
  cells <- Mutable.replicate 3 (0 :: Int)
  Mutable.write cells 1 7
  Vector.freeze cells >>= print
