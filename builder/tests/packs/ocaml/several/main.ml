let () = Util.greet (input_line (open_in "data.txt"))
