no warnings 'recursion';

sub total {
    my ($n) = @_;
    return $n == 0 ? 0 : $n + total($n - 1);
}

print total(100_000), "\n";
