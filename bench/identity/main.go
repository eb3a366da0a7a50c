// Command identity measures how fast observations are resolved into users (contract §7), and with how much memory: a
// generated company, from raw texts to each observation's user.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"runtime"
	"syscall"
	"time"

	"github.com/usagereport/usagereport/transforms/identity"
	"github.com/usagereport/usagereport/transforms/identity/identitytest"
)

func main() {
	n := flag.Int("observations", 5_000_000, "how many observations to resolve")
	flag.Parse()
	if err := run(*n); err != nil {
		log.Fatal(err)
	}
}

func run(n int) error {
	if n < 1 {
		return fmt.Errorf("expected one observation or more, found %d", n)
	}
	values, observations := identitytest.Company(n)
	runtime.GC()
	before, err := peak()
	if err != nil {
		return err
	}
	began := time.Now()
	resolver, err := identity.NewResolver(values, identity.Rules{})
	if err != nil {
		return err
	}
	for _, o := range observations {
		resolver.Add(o)
	}
	users := resolver.Resolve()
	var buckets [4]int
	seen := make([]bool, users.Len())
	for _, o := range observations {
		if user, ok := users.Of(o); ok && !seen[user] {
			seen[user] = true
			buckets[users.Bucket(user)]++
		}
	}
	took := time.Since(began)
	after, err := peak()
	if err != nil {
		return err
	}
	fmt.Printf("%d observations of %d emails, %d usernames, %d display names: %d users\n",
		n, len(values.Emails), len(values.Usernames), len(values.DisplayNames), users.Len())
	for b, count := range buckets {
		fmt.Printf("  %-20s %d\n", identity.Bucket(b), count)
	}
	fmt.Printf("%.2f s, %.0f observations per second, peak memory %d MiB (%d MiB of it before resolving: the observations)\n",
		took.Seconds(), float64(n)/took.Seconds(), after>>20, before>>20)
	return nil
}

// peak returns the highest resident memory that this process has had, in bytes.
func peak() (int64, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, errors.Join(errors.New("this system tells no resource usage"), err)
	}
	return usage.Maxrss << 10, nil
}
