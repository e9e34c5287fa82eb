my @blocks;
loop { @blocks.push(buf8.allocate(1048576, 1)) }
