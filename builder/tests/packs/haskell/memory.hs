import Data.IORef

main :: IO ()
main = do
  blocks <- newIORef [0 :: Int]
  let grow n = modifyIORef' blocks (n :) >> grow (n + 1)
  grow 1
  readIORef blocks >>= print . length
