use strict;
sub main {
    $undeclared = 1;
