<?php
function inner(int $depth): void
{
    if ($depth < 4) {
        throw new DomainException('too shallow');
    }
}

function outer(): void
{
    inner(3);
}

echo "before\n";
outer();
