<?php
echo "Grüße, Мир, 世界, 😀\n";
while (($line = fgets(STDIN)) !== false) {
    $points = mb_str_split(rtrim($line, "\n"));
    echo count($points), ' ', implode(array_reverse($points)), "\n";
}
