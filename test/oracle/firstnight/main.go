// Command firstnight makes the demo's sources as its first night finds them, without running it: what the oracle needs
// to know of the night before. It publishes nothing.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/usagereport/usagereport/demo"
)

func main() {
	dir := flag.String("dir", "", "the folder to make")
	date := flag.String("date", "", "the run date of the first night, such as 2026-11-20")
	seed := flag.Uint64("seed", 1, "the seed of the demo")
	nights := flag.Int("nights", 1, "how many nights' sources: 2 for those that the second night finds")
	flag.Parse()
	if err := write(context.Background(), demo.Options{Dir: *dir, Date: *date, Seed: *seed}, *nights); err != nil {
		fmt.Fprintln(os.Stderr, "firstnight:", err)
		os.Exit(1)
	}
}

func write(ctx context.Context, o demo.Options, nights int) error {
	company, err := demo.Write(ctx, o)
	if err != nil {
		return err
	}
	for range nights - 1 {
		if err := company.NextDay(ctx); err != nil {
			return err
		}
	}
	return nil
}
