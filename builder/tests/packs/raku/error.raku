sub inner(@numbers) {
    die "too shallow" if @numbers < 4;
}

sub outer() {
    inner([1, 2, 3]);
    1
}

say "before";
outer();
