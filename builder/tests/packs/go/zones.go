package main

import (
	"fmt"
	"time"
)

func main() {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	fmt.Println(time.Unix(1_700_000_000, 0).In(berlin).Format("15:04"))
}
