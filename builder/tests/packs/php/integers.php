<?php
$n = (int) fgets(STDIN);
$numbers = [];
$sum = $xor = 0;
for ($i = 0; $i < $n; $i++) {
    $number = (int) fgets(STDIN);
    $numbers[] = $number;
    $sum += $number;
    $xor ^= $number;
}
sort($numbers);
echo "sum $sum\nxor $xor\nmedian {$numbers[intdiv($n, 2)]}\n";
