package lake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// intent is the record of a publication that is being put in place: all that is needed to do it again from the
// start, by whoever comes next (I5). While it stands, readers of its date may meet objects that their manifest
// does not know.
type intent struct {
	Format   int      `json:"format_version"`
	RunID    string   `json:"run_id"`
	Date     Date     `json:"snapshot_date"`
	Placed   bool     `json:"objects_in_place"` // deletes and copies are behind us and must not happen again
	Latest   bool     `json:"moves_latest"`     // no later date is published
	Deletes  []string `json:"deletes"`          // what goes before the first copy
	Copies   []move   `json:"copies"`           // from staging
	Also     []move   `json:"latest_copies"`    // done only when Latest
	Manifest Manifest `json:"manifest"`
}

type move struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// plan looks at what stands at the manifest's date and works out the way from there to the manifest.
func (l *Lake) plan(ctx context.Context, m *Manifest) (*intent, error) {
	it := &intent{
		Format: FormatVersion, RunID: m.RunID, Date: m.SnapshotDate, Manifest: *m,
		Deletes: []string{}, Copies: []move{}, Also: []move{},
	}
	old, err := l.snapshotKeys(ctx, it.Date)
	if err != nil {
		return nil, err
	}
	it.Deletes = append(it.Deletes, obsolete(old, m)...)
	for _, o := range m.Objects {
		it.Copies = append(it.Copies, move{From: stagingPrefix(m.RunID) + o.Key, To: o.Key})
		for _, key := range o.Also {
			it.Also = append(it.Also, move{From: o.Key, To: key})
		}
	}
	dates, err := l.Dates(ctx)
	if err != nil {
		return nil, err
	}
	it.Latest = len(dates) == 0 || dates[len(dates)-1] <= it.Date
	return it, nil
}

// obsolete returns which of the keys that stand at a date must go before the new objects come (I3). A table that
// is, and stays, a single object is overwritten in one step. In every other table rows of two runs would stand
// side by side for a while, so all of its old objects go first.
func obsolete(old []string, m *Manifest) []string {
	var gone []string
	for _, key := range old {
		_, kept := m.Object(key)
		table, isLog := tableOf(key)
		if !kept || isLog && len(m.Table(table)) > 1 {
			gone = append(gone, key)
		}
	}
	return gone
}

// snapshotKeys lists everything that stands in a date's folders, whoever put it there.
func (l *Lake) snapshotKeys(ctx context.Context, date Date) ([]string, error) {
	tables, err := l.listDirs(ctx, logsDir)
	if err != nil {
		return nil, err
	}
	dirs := []string{AuditKey(date, ""), ReportKey(date, "")}
	for _, dir := range tables {
		dirs = append(dirs, LogDir(path.Base(dir), date))
	}
	var keys []string
	for _, dir := range dirs {
		found, err := l.list(ctx, dir)
		if err != nil {
			return nil, err
		}
		keys = append(keys, found...)
	}
	slices.Sort(keys)
	return keys, nil
}

// record writes the intent, the point of no return. Another publication's record is never overwritten.
func (l *Lake) record(ctx context.Context, it *intent) error {
	data, err := encodeJSON(it)
	if err != nil {
		return fmt.Errorf("encode %s: %w", IntentKey, err)
	}
	if _, found, err := l.exists(ctx, IntentKey); err != nil {
		return err
	} else if found {
		return fmt.Errorf("%s in %s: %w; start the program again to finish that one first", IntentKey, l.Name(), ErrBusy)
	}
	if err := l.putIf(ctx, IntentKey, jsonType, data, true); err != nil {
		// The answer may have been lost, or a retry below us may have met our own record.
		if stands, rerr := l.get(ctx, IntentKey); rerr != nil || !bytes.Equal(stands, data) {
			if gcerrors.Code(err) == gcerrors.FailedPrecondition {
				return fmt.Errorf("%w: %w; start the program again to finish that one first", ErrBusy, err)
			}
			return err
		}
	}
	l.step("intent")
	return nil
}

const jsonType = "application/json"

// rollForward does what the intent says, to the end. Every step can be done twice; killed anywhere, doing all of
// it again gives the same bucket, byte for byte (I6).
func (l *Lake) rollForward(ctx context.Context, it *intent) error {
	if !it.Placed {
		if err := l.place(ctx, it); err != nil {
			return err
		}
	}
	manifest, err := it.Manifest.encode()
	if err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	// The manifest comes after all of its objects, latest.json after its manifest (I1).
	if err := l.put(ctx, ManifestKey(it.Date), jsonType, manifest); err != nil {
		return err
	}
	l.step("manifest")
	if it.Latest {
		if err := l.moveLatest(ctx, it, manifest); err != nil {
			return err
		}
	}
	if err := l.remove(ctx, IntentKey); err != nil {
		return err
	}
	if err := l.syncKeys(IntentKey); err != nil { // before staging goes: a record without staging is a dead end
		return err
	}
	l.step("intent deleted")
	if err := l.clear(ctx, stagingPrefix(it.RunID)); err != nil {
		return err
	}
	l.step("staging cleared")
	return nil
}

// place deletes and copies objects, then notes in the intent that this is done. From then on a reader may be
// following the new manifest, so nobody may delete and copy again.
func (l *Lake) place(ctx context.Context, it *intent) error {
	err := l.each(it.Deletes, func(key string) error {
		err := l.remove(ctx, key)
		l.step("delete " + key)
		return err
	})
	if err != nil {
		return err
	}
	if err := l.copyAll(ctx, it, it.Copies); err != nil {
		return err
	}
	touched := slices.Clone(it.Deletes)
	for _, m := range it.Copies {
		touched = append(touched, m.To)
	}
	if err := l.syncKeys(touched...); err != nil {
		return err
	}
	it.Placed = true
	data, err := encodeJSON(it)
	if err != nil {
		return fmt.Errorf("encode %s: %w", IntentKey, err)
	}
	if err := l.put(ctx, IntentKey, jsonType, data); err != nil {
		return err
	}
	l.step("placed")
	return nil
}

func (l *Lake) moveLatest(ctx context.Context, it *intent, manifest []byte) error {
	if err := l.copyAll(ctx, it, it.Also); err != nil {
		return err
	}
	for _, m := range it.Also {
		if err := l.syncKeys(m.To); err != nil {
			return err
		}
	}
	sum := sha256.Sum256(manifest)
	data, err := encodeJSON(Pointer{
		Format: FormatVersion, RunID: it.RunID, SnapshotDate: it.Date, RunTime: it.Manifest.RunTime,
		Manifest: ManifestKey(it.Date), SHA256: hex.EncodeToString(sum[:]),
	})
	if err != nil {
		return fmt.Errorf("encode %s: %w", LatestKey, err)
	}
	if err := l.put(ctx, LatestKey, jsonType, data); err != nil {
		return err
	}
	l.step("latest")
	return nil
}

func (l *Lake) copyAll(ctx context.Context, it *intent, moves []move) error {
	source := map[string]move{}
	var keys []string
	for _, m := range moves {
		source[m.To] = m
		keys = append(keys, m.To)
	}
	return l.each(keys, func(to string) error {
		from := source[to].From
		o, _ := it.Manifest.Object(strings.TrimPrefix(from, stagingPrefix(it.RunID)))
		// The scratch name holds the target's, so that two copies of one object do not meet there.
		scratch := stagingPrefix(it.RunID) + "links/" + to
		if err := l.copyObject(ctx, from, to, o.ContentType, o.Bytes, scratch); err != nil {
			return err
		}
		l.step("copy " + to)
		return nil
	})
}

// Recover finishes the publication that an intent record tells of, if there is one, and reports whether it did.
// It also clears away what runs without a record left in staging. It is for writers, before they begin; readers
// never need it.
func (l *Lake) Recover(ctx context.Context) (rolledForward bool, err error) {
	it, err := l.readIntent(ctx)
	if err != nil {
		return false, fmt.Errorf("recover: %w", err)
	}
	if it != nil {
		if !it.Placed {
			if err := l.checkStaged(ctx, it.RunID, it.Manifest.Objects); err != nil {
				return false, fmt.Errorf("recover: run %s cannot be finished: %w; check %s with verify, publish it again "+
					"if that fails, after deleting %s", it.RunID, err, it.Date, IntentKey)
			}
		}
		if err := l.rollForward(ctx, it); err != nil {
			return false, fmt.Errorf("recover the publication of %s by run %s: %w: %w", it.Date, it.RunID, ErrUnfinished, err)
		}
	}
	if err := l.clear(ctx, stagingDir); err != nil {
		return it != nil, fmt.Errorf("recover: %w", err)
	}
	if err := l.sweepAll(); err != nil {
		return it != nil, fmt.Errorf("recover: %w", err)
	}
	return it != nil, nil
}

// readIntent returns the intent record, or nil if none stands.
func (l *Lake) readIntent(ctx context.Context) (*intent, error) {
	data, err := l.get(ctx, IntentKey)
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	it := new(intent)
	if err := decodeJSON(data, it); err == nil {
		err = it.validate()
		if err == nil {
			return it, nil
		}
		return nil, l.corrupt(IntentKey, "%v", err)
	} else {
		return nil, fmt.Errorf("%s in %s: %w", IntentKey, l.Name(), err)
	}
}

// validate makes sure that following the record touches nothing but its own date and run: it deletes things.
func (it *intent) validate() error {
	if err := it.Manifest.validate(); err != nil {
		return err
	}
	if it.RunID != it.Manifest.RunID || it.Date != it.Manifest.SnapshotDate {
		return fmt.Errorf("the record is of run %s and %s, its manifest of %s and %s",
			it.RunID, it.Date, it.Manifest.RunID, it.Manifest.SnapshotDate)
	}
	for _, key := range it.Deletes {
		if !inSnapshot(key, it.Date) {
			return fmt.Errorf("would delete %q, which is no object of %s", key, it.Date)
		}
	}
	for _, m := range it.Copies {
		if _, ok := it.Manifest.Object(m.To); !ok || m.From != stagingPrefix(it.RunID)+m.To {
			return fmt.Errorf("would copy %q to %q, which the manifest does not say", m.From, m.To)
		}
	}
	if len(it.Copies) != len(it.Manifest.Objects) {
		return errors.New("it does not copy every object of its manifest")
	}
	for _, m := range it.Also {
		if o, ok := it.Manifest.Object(m.From); !ok || !slices.Contains(o.Also, m.To) {
			return fmt.Errorf("would copy %q to %q, which the manifest does not say", m.From, m.To)
		}
	}
	return nil
}

// list returns the keys below a prefix, sorted.
func (l *Lake) list(ctx context.Context, prefix string) ([]string, error) {
	return l.listWith(ctx, prefix, false)
}

// listDirs returns the folders directly below a prefix, each with its slash.
func (l *Lake) listDirs(ctx context.Context, prefix string) ([]string, error) {
	return l.listWith(ctx, prefix, true)
}

func (l *Lake) listWith(ctx context.Context, prefix string, dirs bool) ([]string, error) {
	opts := &blob.ListOptions{Prefix: l.full(prefix)}
	if dirs {
		opts.Delimiter = "/"
	}
	var keys []string
	for it := l.bucket.List(opts); ; {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			slices.Sort(keys)
			return keys, nil
		}
		if err != nil {
			return nil, l.fail("list", prefix, err)
		}
		if o.IsDir == dirs {
			keys = append(keys, strings.TrimPrefix(o.Key, l.prefix))
		}
	}
}
