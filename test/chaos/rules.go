//go:build unix

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gocloud.dev/gcerrors"

	"github.com/usagereport/usagereport/sinks/lake"
)

// errBroken is wrapped by everything that the program must never do. Other errors are the harness's own.
var errBroken = errors.New("a rule is broken")

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errBroken, fmt.Sprintf(format, args...))
}

// stake is what a run of one date may turn into what. Nothing else may be seen, however often it is cut off.
type stake struct {
	date   string
	before objects
	after  objects // as an undisturbed run leaves it
	again  bool    // a run before has published that already, and another publishes the same once more
}

// parted says whether a key is of a table that has several parts, whose old ones go before the new ones come.
func (s stake) parted(key string) bool {
	dir, _, ok := strings.Cut(key, "/part-")
	return ok && s.after[dir+"/part-00001.parquet"] != nil
}

// visible says whether readers look at a key.
func visible(key string) bool {
	top, _, _ := strings.Cut(key, "/")
	switch top {
	case "logs", "audit", "reports", "manifests", "latest.json":
		return true
	}
	return false
}

// moving says whether a run of the date may change what stands at the key.
func (s stake) moving(key string) bool {
	return key == lake.LatestKey || strings.Contains(key, "/"+s.date+"/") || strings.Contains(key, "/snapshot_date="+s.date+"/") ||
		key == lake.ManifestKey(lake.Date(s.date)) || strings.HasPrefix(key, "reports/latest/") || strings.HasPrefix(key, "audit/digests/")
}

// same says whether readers see the same in both.
func same(a, b objects) bool { return differing(a, b) == "" }

// changed returns the first key of b, of those asked for, that a does not hold with the same bytes; "" if there is none.
func changed(a, b objects, asked func(key string) bool) string {
	for _, key := range slices.Sorted(maps.Keys(b)) {
		if data, ok := a[key]; asked(key) && (!ok || !bytes.Equal(data, b[key])) {
			return key
		}
	}
	return ""
}

// lastRecord returns the record of the lease that holds, nil if there is none.
func lastRecord(all objects) (*record, error) {
	var last string
	for key := range all {
		if strings.HasPrefix(key, "lease/") && strings.HasSuffix(key, ".json") && key > last {
			last = key
		}
	}
	if last == "" {
		return nil, nil
	}
	r := new(record)
	if err := json.Unmarshal(all[last], r); err != nil {
		return nil, broken("%s is no record: %v", last, err)
	}
	return r, nil
}

// outcome is how far a run that died had come.
type outcome string

const (
	changedNothing outcome = "nothing recorded" // the next run clears what is left
	isRecorded     outcome = "recorded"         // the next run carries it out
	isPublished    outcome = "published"
)

// atRest checks what a dead run has left, while nobody writes (I1 to I5).
func (s stake) atRest(ctx context.Context, l *place, now objects) (outcome, error) {
	r, err := lastRecord(now)
	if err != nil {
		return "", err
	}
	var noted struct {
		Date string `json:"snapshot_date"`
	}
	note, stands := now[lake.IntentKey]
	if stands {
		if err := json.Unmarshal(note, &noted); err != nil {
			return "", broken("intent.json is not whole (I2): %v", err)
		}
	}
	recorded := r != nil && r.Publication != nil
	switch {
	case recorded && r.Publication.Date != s.date:
		return "", broken("the lease's record names a publication of %s, which nobody began", r.Publication.Date)
	case stands && !recorded:
		return "", broken("intent.json stands, but no publication is recorded (I5)")
	case stands && noted.Date != s.date:
		return "", broken("intent.json names %s, but %s is being published (I5)", noted.Date, s.date)
	}
	if err := s.bytes(now, stands); err != nil {
		return "", err
	}
	if err := s.order(now, recorded && r.Publication.Placed); err != nil {
		return "", err
	}
	if err := s.verify(ctx, l, stands); err != nil {
		return "", err
	}
	published := same(now, s.after)
	switch {
	case !stands && !published && !same(now, s.before):
		return "", broken("no publication is noted, but %q is neither as it was nor as it was to be (I4, I5)", differing(now, s.before))
	case recorded:
		return isRecorded, nil
	case published && !same(s.before, s.after):
		return isPublished, nil
	}
	return changedNothing, nil
}

// differing returns a key that readers see with other bytes in one than in the other, or only in one.
func differing(a, b objects) string { return cmp.Or(changed(a, b, visible), changed(b, a, visible)) }

// bytes checks that each object is old or new (I2), that what is missing may be, and that no table has rows of two runs (I3).
func (s stake) bytes(now objects, noted bool) error {
	for _, key := range slices.Sorted(maps.Keys(now)) {
		if visible(key) && !bytes.Equal(now[key], s.before[key]) && !bytes.Equal(now[key], s.after[key]) {
			return broken("%s (%d bytes) is neither old nor new (I2)", key, len(now[key]))
		}
		if visible(key) && !s.moving(key) && !bytes.Equal(now[key], s.before[key]) {
			return broken("%s has changed, while %s was being published (I5)", key, s.date)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.before)) {
		if _, ok := now[key]; ok || !visible(key) {
			continue
		}
		if _, stays := s.after[key]; stays && !s.parted(key) || !s.moving(key) || !noted && !same(now, s.after) {
			return broken("%s is gone (I1, I5)", key)
		}
	}
	return s.side(now)
}

// side checks that no table has rows of two runs side by side (I3).
func (s stake) side(now objects) error {
	was, is := map[string]string{}, map[string]string{}
	for key, data := range now {
		dir, _, ok := strings.Cut(key, "/part-")
		if !ok || !strings.HasPrefix(key, "logs/") {
			continue
		}
		old, young := bytes.Equal(data, s.before[key]), bytes.Equal(data, s.after[key])
		if old && !young {
			was[dir] = key
		}
		if young && !old {
			is[dir] = key
		}
	}
	for dir, key := range was {
		if is[dir] != "" {
			return broken("%s of the old run stands beside %s of the new (I3)", key, is[dir])
		}
	}
	return nil
}

// order checks that the manifest came after its objects, and latest.json after the manifest (I1, I5).
func (s stake) order(now objects, placed bool) error {
	isNew := func(key string) bool {
		data, ok := now[key]
		return ok && bytes.Equal(data, s.after[key]) && !bytes.Equal(data, s.before[key])
	}
	object := func(key string) bool {
		return visible(key) && s.moving(key) && !last(key) && (placed || !s.again || !s.parted(key))
	}
	manifest := lake.ManifestKey(lake.Date(s.date))
	if key := changed(now, s.after, object); key != "" && (placed || isNew(manifest)) {
		return broken("the new manifest stands, or its objects are noted to be in place, but %s is not the new one (I1, I5)", key)
	}
	late := func(key string) bool { return key == manifest || strings.HasPrefix(key, "reports/latest/") }
	if key := changed(now, s.after, late); key != "" && isNew(lake.LatestKey) {
		return broken("latest.json is new, %s is not (I1)", key)
	}
	if key := changed(now, s.after, func(key string) bool { return key == manifest }); key != "" {
		for latest := range now {
			if strings.HasPrefix(latest, "reports/latest/") && isNew(latest) {
				return broken("%s is new, %s is not (I1)", latest, manifest)
			}
		}
	}
	return nil
}

// last says whether a key is written after the objects.
func last(key string) bool {
	return key == lake.LatestKey || strings.HasPrefix(key, "manifests/") || strings.HasPrefix(key, "reports/latest/")
}

// verify asks the program's own check of what latest.json names. While a publication is noted, it may find what I5 allows.
func (s stake) verify(ctx context.Context, l *place, noted bool) error {
	p, err := l.lake.Pointer(ctx)
	if errors.Is(err, lake.ErrNoSnapshot) && s.before[lake.LatestKey] == nil {
		return nil
	}
	if err != nil {
		return broken("latest.json: %v", err)
	}
	report, err := l.lake.Verify(ctx, p.SnapshotDate)
	if err != nil && !errors.Is(err, lake.ErrCorrupt) {
		return broken("%v", err)
	}
	for _, found := range report.Problems {
		if !noted {
			return broken("%s: %s (I1)", found.Key, found.What)
		}
		if found.Key != lake.IntentKey && !s.moving(found.Key) {
			return broken("%s: %s (I5)", found.Key, found.What)
		}
	}
	return nil
}

// converged checks that a lake is what an undisturbed one is, byte for byte, and that nothing of dead runs is left (I6). It
// returns how many bytes were compared.
func converged(now, want objects) (int64, error) {
	var n int64
	var wrong []string
	keys := maps.Clone(now)
	maps.Copy(keys, want)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		got, ok := now[key]
		expected, due := want[key]
		switch {
		case topOf(key) == "lease", topOf(key) == "runs" && temporary.MatchString(key): // swept an hour later: others may be at work there
		case ok && !due:
			wrong = append(wrong, fmt.Sprintf("%s (%d bytes) is left over", key, len(got)))
		case due && !ok:
			wrong = append(wrong, key+" is missing")
		case topOf(key) == "runs", bytes.Equal(got, expected):
			n += int64(len(got))
		case topOf(key) == "quarantine" && lines(got) == lines(expected): // files are read side by side
			n += int64(len(got))
		default:
			wrong = append(wrong, fmt.Sprintf("%s has %d bytes other than the %d expected", key, len(got), len(expected)))
		}
	}
	if len(wrong) > 0 {
		return n, broken("the lake is not as an undisturbed run leaves it (I4, I6): %s", strings.Join(wrong[:min(len(wrong), 12)], "; "))
	}
	r, err := lastRecord(now)
	if err != nil {
		return n, err
	}
	if r == nil || !r.Released || r.Publication != nil {
		return n, broken("after the run the lease is not free: %+v", r)
	}
	return n, nil
}

// lines sorts the lines of a text.
func lines(text []byte) string {
	return strings.Join(slices.Sorted(strings.SplitSeq(string(text), "\n")), "\n")
}

func isMissing(err error) bool { return gcerrors.Code(err) == gcerrors.NotFound }

// verified checks a date with the program's own check, when nothing is under way.
func verified(ctx context.Context, l *place, date string) error {
	if _, err := l.lake.Verify(ctx, lake.Date(date)); err != nil {
		return broken("%v", err)
	}
	return nil
}
