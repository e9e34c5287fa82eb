module Counts = Map.Make (String)

let words = String.split_on_char ' ' "banana apple cherry apple banana apple"

let rec dates text from =
  let date = Str.regexp "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]" in
  match Str.search_forward date text from with
  | exception Not_found -> []
  | _ ->
    let found = Str.matched_string text in
    found :: dates text (Str.match_end ())

let quarter i =
  let sum = ref 0 in
  for n = (i * 250000) + 1 to (i + 1) * 250000 do sum := !sum + n done;
  !sum

let () =
  let count counts word = Counts.update word (fun n -> Some (1 + Option.value n ~default:0)) counts in
  let counts = List.fold_left count Counts.empty words in
  let shown = List.map (fun (word, n) -> Printf.sprintf "%s=%d" word n) (Counts.bindings counts) in
  print_endline ("maps " ^ String.concat " " shown);
  let sorted = List.sort compare [3; -5; 9; 0; 8; -1] in
  print_endline ("sort " ^ String.concat " " (List.map string_of_int sorted));
  print_endline ("regex " ^ String.concat " " (dates "from 2024-02-29 to 1999-12-31, not 99-1-1" 0));
  Printf.printf "sqrt %.6f\n" (sqrt 2.);
  let t = Unix.gmtime 1e9 in
  Printf.printf "time %d-%02d-%02dT%02d:%02d:%02dZ\n" (t.tm_year + 1900) (t.tm_mon + 1) t.tm_mday t.tm_hour
    t.tm_min t.tm_sec;
  let parts = Array.make 4 0 in
  let threads = List.init 4 (Thread.create (fun i -> parts.(i) <- quarter i)) in
  List.iter Thread.join threads;
  Printf.printf "threads %d\n" (Array.fold_left ( + ) 0 parts)
