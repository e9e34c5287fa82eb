: main begin 1048576 dup allocate throw swap 1 fill again ;

main
