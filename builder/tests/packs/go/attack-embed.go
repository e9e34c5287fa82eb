package main

import _ "embed"

//go:embed @CANARY@
var secret string

func main() {
	println(secret)
}
