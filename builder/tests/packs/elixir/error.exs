defmodule Main do
  def inner(numbers), do: Enum.fetch!(numbers, 3) + 1
  def outer, do: inner([1, 2, 3]) + 1
end

IO.puts("before")
Main.outer()
