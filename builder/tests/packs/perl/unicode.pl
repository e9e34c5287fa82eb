use strict;
use warnings;
use utf8;
use open qw(:std :encoding(UTF-8));

print "Grüße, Мир, 世界, 😀\n";
while (my $line = <STDIN>) {
    chomp $line;
    print length($line), ' ', scalar(reverse $line), "\n";
}
