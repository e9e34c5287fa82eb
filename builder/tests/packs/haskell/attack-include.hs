{-# LANGUAGE CPP #-}
#include "@CANARY@"
main :: IO ()
main = return ()
