import System.IO

main :: IO ()
main = do
  putStrLn "spinning"
  hFlush stdout
  spin 0

spin :: Int -> IO ()
spin n = if n < 0 then print n else spin ((n + 1) `mod` 1000003)
