sub main( {
    say "never";
}
