<?php
declare(strict_types=1);

$counts = array_count_values(explode(' ', 'banana apple cherry apple banana apple'));
ksort($counts);
echo 'maps ', implode(' ', array_map(fn($word, $count) => "$word=$count", array_keys($counts), $counts)), "\n";
$numbers = [3, -5, 9, 0, 8, -1];
sort($numbers);
echo 'sort ', implode(' ', $numbers), "\n";
echo 'bigint ', array_reduce(range(1, 50), fn($product, $i) => bcmul($product, (string) $i), '1'), "\n";
preg_match_all('/\b\d{4}-\d{2}-\d{2}\b/u', 'from 2024-02-29 to 1999-12-31, not 99-1-1', $dates);
echo 'regex ', implode(' ', $dates[0]), "\n";
$document = json_decode('{"name": "caf\u00e9", "values": [1, 2, 3]}', flags: JSON_THROW_ON_ERROR);
echo "json {$document->name} ", array_sum($document->values), ' ', json_encode([1, null, 'x']), "\n";
echo 'decimal ', bcadd('0.1', '0.2', 1), "\n";
printf("sqrt %.6f\n", sqrt(2));
echo 'time ', (new DateTimeImmutable('@1000000000'))->format('Y-m-d\TH:i:s\Z'), "\n";
