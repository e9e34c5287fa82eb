{-# LANGUAGE TemplateHaskell #-}
import Language.Haskell.TH

main :: IO ()
main = print $(litE (integerL (sum [1 ..])))
