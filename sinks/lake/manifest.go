package lake

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// FormatVersion is the version of the manifest, of latest.json and of the intent record that this package writes.
// It reads that version and all before it. Any new field raises it, since readers here are strict.
const FormatVersion = 1

// Manifest lists what one run published for one date, and how it came about. In the bucket it is indented JSON
// with its fields in this order; the same run gives the same bytes.
type Manifest struct {
	Format int `json:"format_version"`
	RunInfo
	Domains   []Domain     `json:"domains"`            // the parts that were to be published; none, of an older program: all of them were
	Objects   []ObjectInfo `json:"objects"`            // sorted by key; set by Publish
	Datasets  []Dataset    `json:"datasets"`           // what was read
	Logs      []Log        `json:"logs"`               // what was made of it
	Workbooks []Workbook   `json:"workbooks"`          // the same for people
	Identity  *Identity    `json:"identity,omitempty"` // who is one user; nil when nobody was to be resolved
	Checks    []Check      `json:"checks"`             // contract §9
	Warnings  []string     `json:"warnings"`
}

// RunInfo says which run a snapshot comes from.
type RunInfo struct {
	RunID        string    `json:"run_id"`
	SnapshotDate Date      `json:"snapshot_date"`
	RunTime      time.Time `json:"run_time"`  // UTC, whole seconds
	TimeZone     string    `json:"time_zone"` // the reporting zone, such as Europe/Berlin
	Windows      []Window  `json:"windows"`
	Program      string    `json:"program_version"`
}

// Window is a range of days that data was taken from, both ends included.
type Window struct {
	Name string `json:"name"`
	From Date   `json:"from"`
	To   Date   `json:"to"`
}

// ObjectInfo describes one published object.
type ObjectInfo struct {
	Key         string   `json:"key"` // relative to the prefix, that is to the place of latest.json
	Bytes       int64    `json:"bytes"`
	Rows        int64    `json:"rows"` // 0 where the object has no rows of its own, as a zip
	SHA256      string   `json:"sha256"`
	Table       string   `json:"table,omitempty"` // of an object below logs/
	ContentType string   `json:"content_type"`
	Also        []string `json:"also,omitempty"` // keys that hold a copy while this is the newest date
}

// Dataset counts what a run read of one input dataset.
type Dataset struct {
	Name      string `json:"name"`
	Source    string `json:"source"`            // the source's name in the config
	Objects   int64  `json:"objects_read"`      // files read
	Unchanged int64  `json:"objects_unchanged"` // files known from an earlier run and not read again
	Queries   int64  `json:"queries"`           // queries run
	Read      int64  `json:"rows_read"`
	Rejected  int64  `json:"rows_rejected"`  // in quarantine
	Duplicate int64  `json:"rows_duplicate"` // the same event again
	Late      int64  `json:"rows_late"`      // of a day that an earlier snapshot already covered
}

// Log describes one published table.
type Log struct {
	Table         string   `json:"table"`
	SchemaVersion int      `json:"schema_version"`
	Rows          int64    `json:"rows"`
	Grain         []string `json:"grain"`  // the fields that say what one row stands for, which is also the sort order
	Window        string   `json:"window"` // the name of its window; empty for a log of how things are today
}

// Workbook describes one workbook of a published zip.
type Workbook struct {
	Archive string           `json:"archive"` // the key of the zip that holds it
	Name    string           `json:"name"`    // its file in the zip
	Window  string           `json:"window"`  // the name of its window; empty where its sheets have their own
	Sheets  []Sheet          `json:"sheets"`
	Summary map[string]int64 `json:"summary"` // the figures of its Summary by label
}

// Sheet describes one sheet of a workbook, all its parts together where it is too long for one.
type Sheet struct {
	Name string           `json:"name"`
	Rows int64            `json:"rows"` // below the header
	Sums map[string]int64 `json:"sums"` // of its columns of numbers
}

// Identity says how a year's observations were resolved to users (contract §7).
type Identity struct {
	Users          int64       `json:"users"`
	FullEmailUsers int64       `json:"full_email_users"` // if equal email addresses alone tied observations together
	Unidentified   int64       `json:"unidentified"`     // observations without any identity, which are no user
	Largest        []LargeUser `json:"largest"`          // the users with the most keys
}

// LargeUser is a user with many keys: one that may be several people.
type LargeUser struct {
	Key     string   `json:"key"` // one of its keys
	Keys    int      `json:"keys"`
	Bucket  string   `json:"bucket"`
	Bridges []string `json:"bridges"` // keys that alone hold otherwise separate groups of its keys together
}

// Check is one check made before publishing, with the figures it compared.
type Check struct {
	Name    string           `json:"name"`
	OK      bool             `json:"ok"`
	Figures map[string]int64 `json:"figures"`
	Detail  string           `json:"detail,omitempty"`
}

// Pointer is latest.json: it names the newest complete run.
type Pointer struct {
	Format       int       `json:"format_version"`
	RunID        string    `json:"run_id"`
	SnapshotDate Date      `json:"snapshot_date"`
	RunTime      time.Time `json:"run_time"`
	Manifest     string    `json:"manifest"` // its key, relative to the prefix
	SHA256       string    `json:"manifest_sha256"`
}

// Object returns the published object at key.
func (m *Manifest) Object(key string) (ObjectInfo, bool) {
	i := slices.IndexFunc(m.Objects, func(o ObjectInfo) bool { return o.Key == key })
	if i < 0 {
		return ObjectInfo{}, false
	}
	return m.Objects[i], true
}

// Table returns the parts of a table in their order.
func (m *Manifest) Table(name string) []ObjectInfo {
	var parts []ObjectInfo
	for _, o := range m.Objects {
		if o.Table == name {
			parts = append(parts, o)
		}
	}
	return parts
}

// encode returns the manifest's bytes, in which an empty list is [] and never null.
func (m *Manifest) encode() ([]byte, error) {
	c := *m
	c.Windows = full(c.Windows)
	c.Domains = full(c.Domains)
	c.Objects = full(c.Objects)
	c.Datasets = full(c.Datasets)
	c.Warnings = full(c.Warnings)
	c.Logs = slices.Clone(full(c.Logs))
	for i := range c.Logs {
		c.Logs[i].Grain = full(c.Logs[i].Grain)
	}
	c.Workbooks = slices.Clone(full(c.Workbooks))
	for i := range c.Workbooks {
		w := &c.Workbooks[i]
		w.Sheets = slices.Clone(full(w.Sheets))
		for k := range w.Sheets {
			w.Sheets[k].Sums = figures(w.Sheets[k].Sums)
		}
		w.Summary = figures(w.Summary)
	}
	if c.Identity != nil {
		identity := *c.Identity
		identity.Largest = slices.Clone(full(identity.Largest))
		for i := range identity.Largest {
			identity.Largest[i].Bridges = full(identity.Largest[i].Bridges)
		}
		c.Identity = &identity
	}
	c.Checks = slices.Clone(full(c.Checks))
	for i := range c.Checks {
		c.Checks[i].Figures = figures(c.Checks[i].Figures)
	}
	return encodeJSON(&c)
}

func full[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func figures(m map[string]int64) map[string]int64 {
	if m == nil {
		return map[string]int64{}
	}
	return m
}

// encodeJSON writes v as people and diff tools like it: indented, unescaped, one line feed at the end.
func encodeJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// decodeJSON reads exactly one value of a known format version into v, and refuses fields it does not know.
func decodeJSON(data []byte, v any) error {
	var head struct {
		Format *int `json:"format_version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return fmt.Errorf("%w: not the JSON expected: %w", ErrCorrupt, err)
	}
	switch {
	case head.Format == nil || *head.Format < 1:
		return fmt.Errorf("%w: no format_version; expected 1 to %d", ErrCorrupt, FormatVersion)
	case *head.Format > FormatVersion:
		return fmt.Errorf("%w: found %d, this program reads up to %d; use the program that wrote it, or a newer one",
			ErrUnsupported, *head.Format, FormatVersion)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: more follows after the JSON value", ErrCorrupt)
	}
	return nil
}

// DecodeManifest reads a manifest's bytes strictly: unknown fields, an unknown version and figures that contradict
// each other are errors (ErrCorrupt, ErrUnsupported).
func DecodeManifest(data []byte) (*Manifest, error) {
	m := new(Manifest)
	if err := decodeJSON(data, m); err != nil {
		return nil, err
	}
	if err := m.validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return m, nil
}

func (r *RunInfo) validate() error {
	var errs []error
	errs = append(errs, validID(r.RunID))
	if _, err := ParseDate(string(r.SnapshotDate)); err != nil {
		errs = append(errs, fmt.Errorf("snapshot_date: %w", err))
	}
	if r.RunTime.IsZero() || r.RunTime.Location() != time.UTC || r.RunTime.Nanosecond() != 0 {
		errs = append(errs, fmt.Errorf("run_time %s: expected an instant in UTC with whole seconds",
			r.RunTime.Format(time.RFC3339Nano)))
	}
	if r.TimeZone == "" {
		errs = append(errs, errors.New("time_zone: expected a name such as UTC"))
	}
	for i, w := range r.Windows {
		_, from := ParseDate(string(w.From))
		_, to := ParseDate(string(w.To))
		if from != nil || to != nil || w.From > w.To || w.Name == "" {
			errs = append(errs, fmt.Errorf("windows[%d] %q: expected a name and two days in order, found %q to %q",
				i, w.Name, w.From, w.To))
		}
	}
	return errors.Join(errs...)
}

// validate finds everything in a manifest that cannot be.
func (m *Manifest) validate() error {
	errs := []error{m.RunInfo.validate()}
	for i := range m.Domains {
		if err := m.Domains[i].validate(); err != nil {
			errs = append(errs, fmt.Errorf("domains[%d] %q: %w", i, m.Domains[i].Name, err))
		}
	}
	rows := map[string]int64{}
	for i, o := range m.Objects {
		rows[o.Table] += o.Rows
		sum, err := hex.DecodeString(o.SHA256)
		switch {
		case validKey(o.Key) != nil || !publishable(o.Key, m.SnapshotDate):
			err = fmt.Errorf("not a place for an object of %s", m.SnapshotDate)
		case i > 0 && m.Objects[i-1].Key >= o.Key:
			err = errors.New("out of order or named twice")
		case o.Bytes < 0 || o.Rows < 0:
			err = fmt.Errorf("negative: bytes %d, rows %d", o.Bytes, o.Rows)
		case err != nil || len(sum) != 32 || o.SHA256 != strings.ToLower(o.SHA256):
			err = fmt.Errorf("sha256 %q: expected 64 lower-case hexadecimal digits", o.SHA256)
		}
		if table, _ := tableOf(o.Key); err == nil && table != o.Table {
			err = fmt.Errorf("table %q: expected %q", o.Table, table)
		}
		for _, key := range o.Also {
			if name, ok := strings.CutPrefix(key, latestDir); err == nil && (!ok || name == "" || validKey(key) != nil) {
				err = fmt.Errorf("also %q: expected a key below %s", key, latestDir)
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("objects[%d] %q: %w", i, o.Key, err))
		}
	}
	for i, log := range m.Logs {
		if log.Rows != rows[log.Table] {
			errs = append(errs, fmt.Errorf("logs[%d] %s: %d rows, but its objects hold %d",
				i, log.Table, log.Rows, rows[log.Table]))
		}
	}
	for i, w := range m.Workbooks {
		if _, ok := m.Object(w.Archive); !ok {
			errs = append(errs, fmt.Errorf("workbooks[%d] %s: it is in %q, which is no object of the manifest", i, w.Name, w.Archive))
		}
	}
	return errors.Join(errs...)
}
