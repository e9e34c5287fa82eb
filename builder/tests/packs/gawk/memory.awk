BEGIN {
    block = sprintf("%1048576s", "x")
    while (1) blocks[++count] = block count
}
