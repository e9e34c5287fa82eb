unit module Util;

sub greet($name) is export {
    say "Hello, $name!";
}
