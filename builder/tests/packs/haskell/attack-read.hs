{-# LANGUAGE TemplateHaskell #-}
import Language.Haskell.TH

main :: IO ()
main = putStrLn $(runIO (readFile "@CANARY@") >>= litE . stringL)
