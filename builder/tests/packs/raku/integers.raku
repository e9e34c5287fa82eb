my int $sum = 0;
my int $xor = 0;
my int @numbers;
get;
for $*IN.slurp.split("\n", :skip-empty) -> $line {
    my int $number = $line.Int;
    @numbers.push($number);
    $sum = $sum + $number;
    $xor = $xor +^ $number;
}
say "sum $sum";
say "xor $xor";
say "median { @numbers.sort[@numbers.elems div 2] }";
