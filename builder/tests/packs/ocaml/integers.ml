let () =
  let n = Scanf.scanf " %d" Fun.id in
  let numbers = Array.init n (fun _ -> Scanf.scanf " %d" Fun.id) in
  Printf.printf "sum %d\nxor %d\n" (Array.fold_left ( + ) 0 numbers) (Array.fold_left ( lxor ) 0 numbers);
  Array.sort compare numbers;
  Printf.printf "median %d\n" numbers.(n / 2)
