package main

import (
	"bufio"
	"fmt"
	"os"
)

func main() {
	fmt.Println("Grüße, Мир, 世界, 😀")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		runes := []rune(in.Text())
		for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
			runes[i], runes[j] = runes[j], runes[i]
		}
		fmt.Println(len(runes), string(runes))
	}
}
