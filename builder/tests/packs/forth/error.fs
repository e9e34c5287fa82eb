: inner ( address -- n ) @ ;

: outer ( -- n ) 0 inner 1+ ;

.( before) cr
outer .
