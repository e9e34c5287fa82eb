BEGIN {
    print "spinning"
    fflush()
    while (1) n++
}
