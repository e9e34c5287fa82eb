use strict;
use Lib::Util;

open(my $data, "<", "data.txt") or die $!;
chomp(my $name = <$data>);
Lib::Util::greet($name);
