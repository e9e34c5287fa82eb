package main

type node struct{ next *node }

var list *node

func main() {
	for {
		list = &node{list}
	}
}
