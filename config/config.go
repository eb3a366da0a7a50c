// Package config reads the one YAML file that says what to pull, how and where to publish: defaults first, a
// strict decode, and validation that reports everything at once with file, line and a hint. It never reads the
// environment, connects to a source or a bucket, or shows a secret: what it needs from outside is handed to Load.
package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/usagereport/usagereport/dictionary"
)

// Config is a whole, valid configuration, as Load returns it. It is read-only: share it, do not modify it.
//
// Printing a Config, or a part of it, by any verb, as JSON or through slog shows the values as the file writes
// them: what stands in place of a secret (`${VAR}`) and no password.
type Config struct {
	Timezone     string             `yaml:"timezone"`
	HistoryStart Date               `yaml:"history_start"` // zero: from the beginning
	Lake         Lake               `yaml:"lake"`
	Schedule     Schedule           `yaml:"schedule"`
	Sources      map[string]Source  `yaml:"sources"`
	Datasets     map[string]Dataset `yaml:"datasets"` // by the dictionary's name
	APIRoutes    []string           `yaml:"api_routes"`
	Quality      Quality            `yaml:"quality"`
	Identity     Identity           `yaml:"identity"`
	Notify       Notify             `yaml:"notify"`
	OpenLineage  OpenLineage        `yaml:"openlineage"`
	Retry        Retry              `yaml:"retry"`
	Retention    Retention          `yaml:"retention"`
	Admin        Admin              `yaml:"admin"`

	domains dictionary.Domain
	origin  origin
}

// Lake says where to publish.
type Lake struct {
	Bucket URL    `yaml:"bucket"` // a Go CDK bucket URL; a relative file path is already resolved
	Prefix string `yaml:"prefix"` // empty, or ends with a slash and does not start with one

	origin origin
}

// Schedule says when `usagereport schedule` runs, in the reporting zone.
type Schedule struct {
	Cron        string        `yaml:"cron"`
	CatchUpDays int           `yaml:"catch_up_days"` // at most so many missed days are run afterwards
	Jitter      time.Duration `yaml:"jitter"`        // starts are spread over so long after the time of cron
	Deadline    time.Duration `yaml:"deadline"`      // a run that takes longer is cancelled
	GracePeriod time.Duration `yaml:"grace_period"`  // how long a run may go on after SIGTERM
	StatusFile  string        `yaml:"status_file"`   // absolute path, or empty
	Listen      string        `yaml:"listen"`        // host:port of /healthz, or empty

	origin origin
}

// Source is a database or a bucket that datasets are read from.
type Source struct {
	URL              URL           `yaml:"url"`
	Timezone         string        `yaml:"timezone"`          // zone of timestamps that carry none
	StatementTimeout time.Duration `yaml:"statement_timeout"` // databases only

	origin origin
}

// IsSQL reports whether the source is a database, as opposed to a bucket.
func (s Source) IsSQL() bool { return slices.Contains(SQLSchemes(), s.URL.Scheme()) }

// Dataset binds one dataset of the dictionary to a query or to files.
type Dataset struct {
	Source       string                       `yaml:"source"`
	Query        string                       `yaml:"query"`     // databases only
	Path         string                       `yaml:"path"`      // buckets only: a glob with {date} or {yyyy}, {mm}, {dd}
	FileFormat   Format                       `yaml:"format"`    // buckets only; set by Load from the path where the file does not say
	Delimiter    string                       `yaml:"delimiter"` // one ASCII character, CSV only
	Timezone     string                       `yaml:"timezone"`  // overrides the source's; set by Load to the zone that holds
	EpochUnit    EpochUnit                    `yaml:"epoch_unit"`
	LookbackDays int                          `yaml:"lookback_days"` // event queries without :changed_since
	Columns      map[string]string            `yaml:"columns"`       // the dictionary's field → the source's column
	Mappings     map[string]map[string]string `yaml:"mappings"`      // the dictionary's field → the source's value → ours

	dialect dialect // of the source, if that is a database
	origin  origin
}

// IsQuery reports whether the dataset is bound to a SQL query, as opposed to files.
func (d Dataset) IsQuery() bool { return d.Query != "" }

// Uses reports whether the query uses the named parameter: "from", "to" or "changed_since".
func (d Dataset) Uses(parameter string) bool {
	return slices.Contains(queryParameters(d.Query, d.dialect), parameter)
}

// Partitioned reports whether the path names delivery partitions by day.
func (d Dataset) Partitioned() bool { return strings.Contains(d.Path, "{") }

// Location returns the zone of the dataset's timestamps that carry none.
func (d Dataset) Location() *time.Location { return location(d.Timezone) }

// Format is the format of a dataset's files.
type Format string

// The formats that files can have; each also compressed with gzip (.gz) or zstd (.zst), Parquet excepted.
const (
	CSV     Format = "csv"
	JSONL   Format = "jsonl"
	Parquet Format = "parquet"
)

// EpochUnit says what a bare integer counts where a timestamp is wanted; empty refuses bare integers.
type EpochUnit string

// The epoch units.
const (
	Seconds      EpochUnit = "s"
	Milliseconds EpochUnit = "ms"
	Microseconds EpochUnit = "us"
	Nanoseconds  EpochUnit = "ns"
)

// Quality says how much may be wrong with the input before a run fails.
type Quality struct {
	MaxRejectedRatio float64 `yaml:"max_rejected_ratio"` // per dataset, 0 … 1

	origin origin
}

// Identity tunes who counts as one user (contract §7).
type Identity struct {
	Overrides string   `yaml:"overrides"`            // absolute path of a file, which Load has read, or empty
	NoProof   []string `yaml:"no_proof_local_parts"` // local parts of e-mail addresses that prove nothing

	// What the overrides file says, in its order. It is read by Load and is no part of the config file.
	Same      [][]Identifier `jsonschema:"-"` // each entry names one person
	Different [][]Identifier `jsonschema:"-"` // each identifier of an entry is a person of its own

	origin origin
}

// Notify says who hears of runs that failed, of the first one after that did not, and of every night that went well.
type Notify struct {
	Webhooks []Webhook `yaml:"webhooks"`
	Email    Mail      `yaml:"email"`
	Ping     Secret    `yaml:"ping"` // a URL that is fetched after every night that went well

	origin origin
}

// Webhook is a URL that messages are posted to.
type Webhook struct {
	URL        Secret `yaml:"url"`
	SigningKey Secret `yaml:"signing_key"` // base64, optional

	origin origin
}

// Mail says how messages go out as e-mail. Nothing of it is set, or all of it.
type Mail struct {
	Server URL      `yaml:"server"` // smtp or smtps
	From   string   `yaml:"from"`
	To     []string `yaml:"to"`

	origin origin
}

// IsSet reports whether there is anybody to write to.
func (m Mail) IsSet() bool { return len(m.To) > 0 }

// OpenLineage says where lineage events go.
type OpenLineage struct {
	URL       Secret `yaml:"url"`
	APIKey    Secret `yaml:"api_key"`
	Namespace string `yaml:"namespace"` // of the job

	origin origin
}

// Retry says how long a run keeps trying what may work a moment later.
type Retry struct {
	Budget time.Duration `yaml:"budget"` // of one run, for all its waits together; 0: nothing is tried again

	origin origin
}

// Retention says how many days before the newest snapshot things are kept; 0 keeps them for ever.
type Retention struct {
	SnapshotsDays  int `yaml:"snapshots_days"`  // manifests, logs and audit logs
	ReportsDays    int `yaml:"reports_days"`    // dated zips: 0, or no less than SnapshotsDays
	QuarantineDays int `yaml:"quarantine_days"` // rows that could not be used
	RunsDays       int `yaml:"runs_days"`       // records of runs
	AccessDays     int `yaml:"access_days"`     // records of who signed in and downloaded what

	origin origin
}

// defaulter is implemented by the parts of a Config whose zero value is not their default.
type defaulter interface{ setDefaults() }

func (c *Config) setDefaults() {
	c.Timezone = "UTC"
	c.Schedule = Schedule{Cron: "30 2 * * *", CatchUpDays: 7, Deadline: 12 * time.Hour, GracePeriod: 20 * time.Second}
	c.Quality = Quality{MaxRejectedRatio: 0.001}
	c.OpenLineage = OpenLineage{Namespace: "usagereport"}
	c.Retry = Retry{Budget: 15 * time.Minute}
	c.Admin = Admin{Listen: "127.0.0.1:8080"}
}

func (s *Source) setDefaults() { s.StatementTimeout = 30 * time.Minute }

func (d *Dataset) setDefaults() { d.LookbackDays = 3 }

// Location returns the reporting zone.
func (c *Config) Location() *time.Location { return location(c.Timezone) }

// Domains returns the domains that are bound and therefore produced.
func (c *Config) Domains() dictionary.Domain { return c.domains }

// DatasetNames returns the names of the bound datasets, sorted.
func (c *Config) DatasetNames() []string { return sortedKeys(c.Datasets) }

// location loads a zone that validation has already accepted; empty is UTC.
func location(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return loc
}

// ParseCron parses a five-field cron expression or a descriptor such as @daily. It is what validation uses, and
// what a scheduler must use: the parser of the library panics on some texts that begin with a zone, and takes
// intervals, of which nobody can say which of them were missed.
func ParseCron(spec string) (cron.Schedule, error) {
	if strings.HasPrefix(spec, "TZ=") || strings.HasPrefix(spec, "CRON_TZ=") {
		return nil, fmt.Errorf("a zone cannot stand in a cron expression: the schedule follows the top-level timezone")
	}
	if strings.HasPrefix(spec, "@every") {
		return nil, fmt.Errorf("@every names no times: what was missed could not be told")
	}
	s, err := cron.ParseStandard(spec)
	if err != nil {
		return nil, fmt.Errorf("not a cron expression: %w", err)
	}
	return s, nil
}

// Date is a calendar day without a zone. The zero Date is no day.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate parses YYYY-MM-DD.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("not a date of the form YYYY-MM-DD")
	}
	y, m, d := t.Date()
	return Date{y, m, d}, nil
}

// IsZero reports whether d is no day.
func (d Date) IsZero() bool { return d == Date{} }

// In returns the first instant of the day in loc.
func (d Date) In(loc *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, loc)
}

// String returns YYYY-MM-DD, or nothing for the zero Date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// MarshalText returns the day as String does.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
