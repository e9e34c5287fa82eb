[count | numbers] =
  File.read!("/dev/stdin") |> String.split("\n", trim: true) |> Enum.map(&String.to_integer/1)

IO.puts("sum #{Enum.sum(numbers)}")
IO.puts("xor #{Enum.reduce(numbers, 0, &Bitwise.bxor/2)}")
IO.puts("median #{numbers |> Enum.sort() |> Enum.at(div(count, 2))}")
