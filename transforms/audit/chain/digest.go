package chain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// format is the version of the form that digests are stored in.
const format = 1

// Digest says what one publication of the audit log holds, day by day, and names the digest before it. Digests are
// numbered from 1 in the order of publications and never change.
type Digest struct {
	Format    int    `json:"format_version"`
	Number    int64  `json:"number"`
	Previous  string `json:"previous_sha256"` // SHA256 of the digest with the number before, empty for the first
	RunID     string `json:"run_id"`
	Date      string `json:"snapshot_date"`
	Zone      string `json:"time_zone"`
	CoveredTo string `json:"covered_to"` // the last day that this digest, or one before it in this zone, lists
	Days      []Day  `json:"days"`       // of the window, oldest first, those without events included
}

// Day is the segment of one day.
type Day struct {
	Day      string   `json:"day"`
	Events   int64    `json:"events"`
	Facts    string   `json:"facts_sha256"` // of the events' own facts, which no later snapshot shows otherwise
	Rows     string   `json:"rows_sha256"`  // of the rows as this snapshot shows them, today's names included
	Recorded int64    `json:"recorded"`     // the number of the digest that first said so
	Amends   *Earlier `json:"amends"`       // what was said of the day before, null if nothing was
}

// Earlier is what an earlier digest said of a day.
type Earlier struct {
	Number int64  `json:"number"` // of the digest that first said so
	Events int64  `json:"events"`
	Facts  string `json:"facts_sha256"`
}

// Encode returns the form that a digest is stored in: JSON, the same bytes for the same digest.
func (d *Digest) Encode() []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(d); err != nil {
		panic(fmt.Sprintf("chain: encode a digest: %v", err)) // of numbers and text: it does not fail
	}
	return out.Bytes()
}

// SHA256 returns the checksum of the form that the digest is stored in, as hexadecimal digits.
func (d *Digest) SHA256() string {
	sum := sha256.Sum256(d.Encode())
	return hex.EncodeToString(sum[:])
}

// Decode reads what Encode returned, and accepts nothing else.
func Decode(data []byte) (*Digest, error) {
	d := new(Digest)
	if err := json.Unmarshal(data, d); err != nil {
		return nil, fmt.Errorf("chain: not the digest of an audit log: %w", err)
	}
	if d.Format != format {
		return nil, fmt.Errorf("chain: digest of format version %d, this program knows %d", d.Format, format)
	}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("chain: digest %d: %w", d.Number, err)
	}
	if !bytes.Equal(d.Encode(), data) {
		return nil, fmt.Errorf("chain: digest %d: its bytes are not those that a run writes", d.Number)
	}
	return d, nil
}

func (d *Digest) check() error {
	switch {
	case d.Number < 1:
		return fmt.Errorf("a number below 1")
	case d.Number == 1 && d.Previous != "":
		return fmt.Errorf("the first one names one before it")
	case d.Number > 1 && !isSHA256(d.Previous):
		return fmt.Errorf("previous_sha256 is %q, expected 64 hexadecimal digits", d.Previous)
	case len(d.Days) == 0:
		return fmt.Errorf("it lists no days")
	}
	if _, err := calendar.ParseDate(d.Date); err != nil {
		return fmt.Errorf("snapshot_date: %w", err)
	}
	to, err := calendar.ParseDate(d.CoveredTo)
	if err != nil {
		return fmt.Errorf("covered_to: %w", err)
	}
	first, err := calendar.ParseDate(d.Days[0].Day)
	if err != nil {
		return fmt.Errorf("day 1: %w", err)
	}
	for i, day := range d.Days {
		if want := first.AddDays(i).String(); day.Day != want {
			return fmt.Errorf("day %d is %q, expected %s", i+1, day.Day, want)
		}
		switch a := day.Amends; {
		case day.Events < 0, !isSHA256(day.Facts), !isSHA256(day.Rows), day.Recorded < 1, day.Recorded > d.Number:
			return fmt.Errorf("what it says of %s is out of range", day.Day)
		case a != nil && (a.Events < 0 || !isSHA256(a.Facts) || a.Number < 1 || a.Number >= day.Recorded):
			return fmt.Errorf("what it says that it amends of %s is out of range", day.Day)
		}
	}
	if last := d.Window().Last(); to < last {
		return fmt.Errorf("covered_to is %s, but it lists %s", d.CoveredTo, last)
	}
	return nil
}

func isSHA256(text string) bool {
	sum, err := hex.DecodeString(text)
	return err == nil && len(sum) == sha256.Size
}

// Window returns the days that the digest lists.
func (d *Digest) Window() calendar.Days {
	first, err := calendar.ParseDate(d.Days[0].Day)
	if err != nil {
		panic(fmt.Sprintf("chain: a digest that Decode does not accept: %v", err))
	}
	return calendar.Days{From: first, To: first.AddDays(len(d.Days))}
}

// Amended returns the days of which this digest says other than an earlier one did: late events mostly, and events of
// workspaces whose plan changed.
func (d *Digest) Amended() (days []Day) {
	for _, day := range d.Days {
		if day.Amends != nil && day.Recorded == d.Number {
			days = append(days, day)
		}
	}
	return days
}
