let rec factorial n = if n = 0 then Z.one else Z.mul (Z.of_int n) (factorial (n - 1))

let () =
  print_endline (Z.to_string (factorial 50));
  print_endline (Q.to_string Q.(of_ints 1 10 + of_ints 2 10));
  print_endline (Z.to_string (Z.powm (Z.of_int 3) (Z.of_string "1000000000000") (Z.of_int 1000000007)))
