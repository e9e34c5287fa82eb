use strict;
use warnings;
use Carp;

sub inner {
    confess 'too shallow' if $_[0] < 4;
}

sub outer {
    inner(3);
}

print "before\n";
outer();
