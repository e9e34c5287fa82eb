package main

import (
	"os"
	"strings"
)

func main() {
	name, err := os.ReadFile("data.txt")
	if err != nil {
		panic(err)
	}
	greet(strings.TrimSpace(string(name)))
}
