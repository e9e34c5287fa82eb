(* OCaml's strings are bytes; the encoding itself tells where a code point starts. *)
let points line =
  let starts_here c = Char.code c land 0xC0 <> 0x80 in
  let rec split at =
    if at >= String.length line then []
    else begin
      let stop = ref (at + 1) in
      while !stop < String.length line && not (starts_here line.[!stop]) do incr stop done;
      String.sub line at (!stop - at) :: split !stop
    end
  in
  split 0

let () =
  print_endline "Grüße, Мир, 世界, 😀";
  try
    while true do
      let points = points (read_line ()) in
      Printf.printf "%d %s\n" (List.length points) (String.concat "" (List.rev points))
    done
  with End_of_file -> ()
