package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"sort"
	"strings"
	"sync"
	"time"
)

func main() {
	counts := map[string]int{}
	for _, word := range strings.Fields("banana apple cherry apple banana apple") {
		counts[word]++
	}
	words := make([]string, 0, len(counts))
	for word := range counts {
		words = append(words, word)
	}
	sort.Strings(words)
	fmt.Print("maps")
	for _, word := range words {
		fmt.Printf(" %s=%d", word, counts[word])
	}
	numbers := []int{3, -5, 9, 0, 8, -1}
	sort.Ints(numbers)
	fmt.Println("\nsort", strings.Trim(fmt.Sprint(numbers), "[]"))
	fmt.Println("bigint", new(big.Int).MulRange(1, 50))
	dates := regexp.MustCompile(`\b\d{4}-\d{2}-\d{2}\b`)
	fmt.Println("regex", strings.Join(dates.FindAllString("from 2024-02-29 to 1999-12-31, not 99-1-1", -1), " "))

	var document struct {
		Name   string
		Values []int
	}
	if err := json.Unmarshal([]byte(`{"name": "caf\u00e9", "values": [1, 2, 3]}`), &document); err != nil {
		panic(err)
	}
	total := 0
	for _, value := range document.Values {
		total += value
	}
	text, _ := json.Marshal([]any{1, nil, "x"})
	fmt.Println("json", document.Name, total, string(text))
	fmt.Printf("sqrt %.6f\n", math.Sqrt(2))
	fmt.Println("time", time.Unix(1e9, 0).UTC().Format(time.RFC3339))

	var group sync.WaitGroup
	parts := make(chan int, 4)
	for i := 0; i < 4; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			part := 0
			for n := i*250000 + 1; n <= (i+1)*250000; n++ {
				part += n
			}
			parts <- part
		}(i)
	}
	group.Wait()
	close(parts)
	sum := 0
	for part := range parts {
		sum += part
	}
	fmt.Println("threads", sum)
}
