say "spinning";
loop {}
