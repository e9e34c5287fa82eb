module Lib.Util (greet) where

greet :: String -> IO ()
greet name = putStrLn ("Hello, " ++ name ++ "!")
