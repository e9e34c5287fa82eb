# Compares the consoles of two machines: do the factors of their calibrations explain by how much programs differ?
FNR == 1 { machine++ }
{ sub(/\r$/, "") }
$1 == "work" {
    if (machine == 1 && !((machine, $2) in time)) names[++count] = $2
    time[machine, $2] = (machine, $2) in time ? (time[machine, $2] + $3) / 2 : $3
}
$1 == "\"speed\":" { speed[machine] = $2 + 0 }
END {
    if (!speed[1] || !speed[2] || !count) { print "error: a machine has not said how fast it is"; exit 1 }
    factor = speed[1] / speed[2]
    printf "speed %.3f and %.3f: programs should take %.2f times as long\n", speed[1], speed[2], factor
    for (number = 1; number <= count; number++) {
        name = names[number]
        ratio = time[2, name] / time[1, name]
        off = 100 * (ratio / factor - 1)
        if (off > most || -off > most) most = off < 0 ? -off : off
        printf "%-8s %9d us and %9d us: %.2f times, %+.1f %%\n", name, time[1, name], time[2, name], ratio, off
        product += log(ratio)
    }
    off = 100 * (exp(product / count) / factor - 1)
    printf "all      %.2f times, %+.1f %%; the worst one is off by %.1f %%\n", exp(product / count), off, most
    if (off > 10 || off < -10) { print "error: the factors do not explain the programs within 10 %"; exit 1 }
}
