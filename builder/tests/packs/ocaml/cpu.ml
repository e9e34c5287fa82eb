let () =
  print_endline "spinning";
  while true do () done
