let [@inline never] inner numbers = numbers.(3) + 1

let [@inline never] outer () = inner [| 1; 2; 3 |] + 1

let () =
  print_endline "before";
  print_int (outer ())
