\ Reads a line from standard input and converts it to a number.
create line 64 allot
: number-line ( -- n )
  line 64 stdin read-line throw drop
  line swap s>number? 2drop ;

variable numbers
: number[] ( i -- address ) cells numbers @ + ;

: exchange ( a b -- )
  over @ over @ { a b x y }
  y a !  x b ! ;

: sift { root end -- }
  begin
    root 2* 1+ { child }
    child end < 0= if exit then
    child 1+ end < if
      child number[] @ child 1+ number[] @ < if child 1+ to child then
    then
    root number[] @ child number[] @ < 0= if exit then
    root number[] child number[] exchange
    child to root
  again ;

\ Heap sort.
: sort { count -- }
  count 2/ begin dup while 1- dup count sift repeat drop
  count begin dup 1 > while
    1-
    0 number[] over number[] exchange
    0 over sift
  repeat drop ;

: main
  number-line { count }
  count cells allocate throw numbers !
  0 0 ( sum xor )
  count 0 ?do
    number-line dup i number[] !
    tuck xor -rot + swap
  loop
  count sort
  swap ." sum " 0 .r cr
  ." xor " 0 .r cr
  ." median " count 2/ number[] @ 0 .r cr ;

main bye
