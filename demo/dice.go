package demo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// dice makes up what chance decides. Parts of the company that throw dice of their own do not change each other.
type dice struct{ rng *rand.Rand }

// part returns a random part of a duration.
func (d dice) part(of time.Duration) time.Duration {
	if of <= 0 {
		return 0
	}
	return time.Duration(d.rng.Int64N(int64(of)))
}

// moment returns an instant of the day, most likely in office hours. Days of 23 and 25 hours are as long as they are.
func (d dice) moment(day time.Time) time.Time {
	length := day.AddDate(0, 0, 1).Sub(day)
	if d.rng.IntN(12) > 0 {
		h := 13.2 + d.rng.NormFloat64()*2.9
		if h > 0 && h < 22.9 {
			return day.Add(time.Duration(h * float64(time.Hour))).Truncate(time.Microsecond)
		}
	}
	return day.Add(d.part(length)).Truncate(time.Microsecond)
}

// delay is how long a row takes to arrive: minutes, or with one in two hundred days.
func (d dice) delay() time.Duration {
	if d.rng.IntN(200) == 0 {
		return 24*time.Hour + d.part(9*24*time.Hour)
	}
	return time.Second + d.part(4*time.Minute)
}

// again is how much later a row arrives a second time: in the same delivery mostly, or days later.
func (d dice) again() time.Duration {
	if d.rng.IntN(2) == 0 {
		return d.part(time.Minute)
	}
	return d.part(4 * 24 * time.Hour)
}

func (d dice) poisson(mean float64) int {
	n, p, floor := 0, 1.0, math.Exp(-mean)
	for {
		if p *= d.rng.Float64(); p <= floor {
			return n
		}
		n++
	}
}

// token returns n characters that can stand in an id.
func (d dice) token(n int) string {
	const alphabet = "23456789abcdefghjkmnpqrstuvwxyz"
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[d.rng.IntN(len(alphabet))]
	}
	return string(b)
}

// uuid returns a random UUID.
func (d dice) uuid() string {
	a, b := d.rng.Uint64(), d.rng.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, 0x8000|b>>48&0x3fff, b&0xffffffffffff)
}

func (d dice) digits(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + d.rng.IntN(10))
	}
	return string(b)
}

func (d dice) hex(n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%02x", d.rng.IntN(256))
	}
	return b.String()
}

// ulid returns 24 characters of the alphabet of ULIDs.
func (d dice) ulid() string {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	b := make([]byte, 24)
	for i := range b {
		b[i] = alphabet[d.rng.IntN(len(alphabet))]
	}
	return string(b)
}

// intN returns a number from 0 up to n, n not included.
func (d dice) intN(n int) int { return d.rng.IntN(n) }

func pick[T any](d interface{ intN(n int) int }, of []T) T { return of[d.intN(len(of))] }
