package main

var huge = [1 << 30]byte{1 << 29: 1}

func main() {
	println(huge[1<<29])
}
