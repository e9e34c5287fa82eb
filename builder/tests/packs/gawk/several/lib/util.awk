function greet(name) {
    print "Hello, " name "!"
}
