say "Grüße, Мир, 世界, 😀";
say "{.chars} {.flip}" for $*IN.lines;
