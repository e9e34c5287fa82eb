defmodule Main do
  def grow(blocks), do: grow([String.duplicate("x", 1_048_576) | blocks])
end

Main.grow([])
