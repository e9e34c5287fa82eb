package Lib::Util;

sub greet { print "Hello, $_[0]!\n" }

1;
