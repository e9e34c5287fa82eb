: greet ( address count -- ) ." Hello, " type ." !" cr ;
