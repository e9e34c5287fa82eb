IO.puts("Grüße, Мир, 世界, 😀")

for line <- IO.stream(:stdio, :line) do
  line = String.trim_trailing(line, "\n")
  IO.puts("#{length(String.to_charlist(line))} #{line |> String.to_charlist() |> Enum.reverse()}")
end
