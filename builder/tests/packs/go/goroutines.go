package main

import (
	"fmt"
	"sync"
)

func main() {
	var wait sync.WaitGroup
	gate := make(chan bool)
	for i := 0; i < 100_000; i++ {
		wait.Add(1)
		go func() { <-gate; wait.Done() }()
	}
	close(gate)
	wait.Wait()
	fmt.Println("done")
}
