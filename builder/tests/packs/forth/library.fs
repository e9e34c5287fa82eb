create numbers 3 , -5 , 9 , 0 , 8 , -1 ,
: number[] ( i -- address ) cells numbers + ;

: insert ( i -- )
  begin
    dup 0> if dup number[] @ over 1- number[] @ < else false then
  while
    dup number[] @ over 1- number[] @
    2 pick number[] !
    over 1- number[] !
    1-
  repeat drop ;

: sorted 6 1 do i insert loop  ." sort" 6 0 do space i number[] @ 0 .r loop cr ;

\ The library rounds by itself: represent gives the digits.
create digits 16 allot
: root 2e fsqrt digits 7 represent 2drop drop  ." sqrt " digits c@ emit ." ." digits 1+ 6 type cr ;

sorted root bye
