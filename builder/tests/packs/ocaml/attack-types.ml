(* Each line squares the size of the type. *)
let a x = (x, x)
let b x = a (a (a (a x)))
let c x = b (b (b (b x)))
let d x = c (c (c (c x)))
let e x = d (d (d (d x)))
let _ = e 1
