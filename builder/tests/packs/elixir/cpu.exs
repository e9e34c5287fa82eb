defmodule Main do
  def spin, do: spin()
end

IO.puts("spinning")
Main.spin()
