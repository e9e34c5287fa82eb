: sum ( n -- total )
  dup 0= if exit then
  dup 1- recurse + ;

100000 sum 0 .r cr bye
