import Data.Bits (xor)
import qualified Data.ByteString.Char8 as Bytes
import Data.Char (isSpace)
import qualified Data.IntMap.Strict as IntMap
import Data.List (foldl', unfoldr)

main :: IO ()
main = do
  n : numbers <- unfoldr (Bytes.readInt . Bytes.dropWhile isSpace) <$> Bytes.getContents
  putStrLn ("sum " ++ show (foldl' (+) 0 numbers))
  putStrLn ("xor " ++ show (foldl' xor 0 numbers))
  let counts = IntMap.fromListWith (+) [(number, 1 :: Int) | number <- numbers]
      sorted = concat [replicate count number | (number, count) <- IntMap.toAscList counts]
  putStrLn ("median " ++ show (sorted !! (n `div` 2)))
