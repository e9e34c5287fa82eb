tasks = for i <- 1..10_000, do: Task.async(fn -> i end)
IO.puts(length(Task.await_many(tasks, :infinity)))
