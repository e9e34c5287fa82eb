package main

// #cgo CFLAGS: -include @CANARY@ -fplugin=@CANARY@
// #include "/etc/shadow"
import "C"

func main() {
}
