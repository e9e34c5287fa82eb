import GHC.Stack (HasCallStack)

inner :: HasCallStack => Int -> Int
inner depth = if depth > 3 then depth else error "too shallow"

outer :: HasCallStack => Int -> Int
outer depth = inner depth + 1

main :: IO ()
main = do
  putStrLn "before"
  print (outer 3)
