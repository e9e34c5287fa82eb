defmodule Util do
  def greet(name), do: IO.puts("Hello, #{name}!")
end
