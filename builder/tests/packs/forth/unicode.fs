create line 256 allot

\ The code points of a string: all bytes but those that continue one.
: points ( address count -- n )
  0 -rot over + swap ?do i c@ $C0 and $80 <> if 1+ then loop ;

: backwards { address count -- }
  count { end }
  begin end while
    end begin 1- address over + c@ $C0 and $80 <> until { start }
    address start + end start - type
    start to end
  repeat ;

: main
  ." Grüße, Мир, 世界, 😀" cr
  begin line 256 stdin read-line throw while
    line over points 0 .r space
    line swap backwards cr
  repeat drop ;

main bye
