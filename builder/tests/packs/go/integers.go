package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"strconv"
)

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Split(bufio.ScanWords)
	in.Scan()
	n, _ := strconv.Atoi(in.Text())
	numbers := make([]int, n)
	sum, xor := 0, 0
	for i := range numbers {
		in.Scan()
		numbers[i], _ = strconv.Atoi(in.Text())
		sum += numbers[i]
		xor ^= numbers[i]
	}
	sort.Ints(numbers)
	fmt.Printf("sum %d\nxor %d\nmedian %d\n", sum, xor, numbers[n/2])
}
