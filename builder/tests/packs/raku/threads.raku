my $go = Promise.new;
my @threads = (^100).map: { Thread.start: { await $go } };
$go.keep;
.finish for @threads;
say @threads.elems;
