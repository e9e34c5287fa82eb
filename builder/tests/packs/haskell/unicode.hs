main :: IO ()
main = do
  putStrLn "Grüße, Мир, 世界, 😀"
  interact (unlines . map describe . lines)

describe :: String -> String
describe line = show (length line) ++ " " ++ reverse line
