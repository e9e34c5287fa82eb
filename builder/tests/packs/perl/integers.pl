use strict;
use warnings;
use integer;

my $n = <STDIN>;
my ($sum, $xor) = (0, 0);
my @numbers;
while (my $number = <STDIN>) {
    $number += 0;
    push @numbers, $number;
    $sum += $number;
    $xor ^= $number;
}
@numbers = sort { $a <=> $b } @numbers;
print "sum $sum\nxor $xor\nmedian $numbers[$n / 2]\n";
