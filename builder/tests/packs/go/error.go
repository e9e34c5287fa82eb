package main

import (
	"fmt"
	"os"
)

//go:noinline
func inner(numbers []int, index int) int {
	return numbers[index]
}

//go:noinline
func outer(index int) int {
	return inner([]int{1, 2, 3}, index) + 1
}

func main() {
	fmt.Println("before")
	fmt.Println(outer(len(os.Args) + 2))
}
