import Control.Concurrent (forkIO, newEmptyMVar, putMVar, takeMVar)
import Control.Monad (forM)
import Data.Fixed (Centi)
import Data.List (sort)
import qualified Data.Map.Strict as Map
import Data.Time.Clock.POSIX (posixSecondsToUTCTime)
import Data.Time.Format (defaultTimeLocale, formatTime)
import Numeric (showFFloat)

main :: IO ()
main = do
  let counts = Map.fromListWith (+) [(word, 1 :: Int) | word <- words "banana apple cherry apple banana apple"]
  putStrLn ("maps " ++ unwords [word ++ "=" ++ show count | (word, count) <- Map.toList counts])
  putStrLn ("sort " ++ unwords (map show (sort [3, -5, 9, 0, 8, -1 :: Int])))
  putStrLn ("bigint " ++ show (product [1 .. 50 :: Integer]))
  putStrLn ("decimal " ++ take 3 (show (0.1 + 0.2 :: Centi)))
  putStrLn ("sqrt " ++ showFFloat (Just 6) (sqrt 2 :: Double) "")
  putStrLn ("time " ++ formatTime defaultTimeLocale "%Y-%m-%dT%H:%M:%SZ" (posixSecondsToUTCTime 1000000000))
  parts <- forM [0 .. 3] $ \i -> do
    part <- newEmptyMVar
    _ <- forkIO (putMVar part $! sum [i * 250000 + 1 .. (i + 1) * 250000 :: Int])
    return part
  sums <- mapM takeMVar parts
  putStrLn ("threads " ++ show (sum sums))
