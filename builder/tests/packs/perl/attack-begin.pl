BEGIN {
    open my $secret, '<', '@CANARY@' or print STDERR "no secret: $!\n";
    print STDERR <$secret> if $secret;
    open my $shadow, '<', '/etc/shadow' or print STDERR "no shadow: $!\n";
    unlink '/home/judge/box/main.pl' or print STDERR "unlink: $!\n";
    symlink '@CANARY@', '/home/judge/box/main.pl';
}
print "unreached\n";
