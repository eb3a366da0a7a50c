package lake

import (
	"fmt"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Date is a day as "2006-01-02". Dates compare as strings do.
type Date string

// ParseDate checks that s is a day that exists.
func ParseDate(s string) (Date, error) {
	if t, err := time.Parse(time.DateOnly, s); err != nil || t.Year() == 0 {
		return "", fmt.Errorf("date %q: expected a day such as 2026-11-21", s)
	}
	return Date(s), nil
}

// Time returns the day's midnight in UTC, or the zero time if d is no day.
func (d Date) Time() time.Time {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return time.Time{}
	}
	return t
}

// The fixed keys and folders below the prefix (contract §8). All keys of this package are relative to the prefix.
const (
	LatestKey = "latest.json" // names the newest complete run
	IntentKey = "intent.json" // stands while a publication is being put in place

	logsDir       = "logs/"
	auditDir      = "audit/"
	reportsDir    = "reports/"
	latestDir     = "reports/latest/"
	manifestsDir  = "manifests/"
	quarantineDir = "quarantine/"
	runsDir       = "runs/"
	stateDir      = "state/"
	stagingDir    = "staging/"
)

// LogDir returns the folder that holds one table's snapshot of a date, with a slash at the end.
func LogDir(table string, date Date) string {
	return logsDir + table + "/snapshot_date=" + string(date) + "/"
}

// LogPart returns the key of part n, from 0, of a table's snapshot.
func LogPart(table string, date Date, n int) string {
	return fmt.Sprintf("%spart-%05d.parquet", LogDir(table, date), n)
}

// AuditKey returns the key of a file of a date's audit log, such as "audit_log.csv".
func AuditKey(date Date, name string) string { return auditDir + string(date) + "/" + name }

// ReportKey returns the key of a dated report, such as "Usage Reports.zip".
func ReportKey(date Date, name string) string { return reportsDir + string(date) + "/" + name }

// LatestReportKey returns the key at which the newest report of that name always stands.
func LatestReportKey(name string) string { return latestDir + name }

// ManifestKey returns the key of a date's manifest.
func ManifestKey(date Date) string { return manifestsDir + string(date) + ".json" }

// QuarantineKey returns the key of the rows of a dataset that the run of a date could not use.
func QuarantineKey(date Date, dataset string) string {
	return quarantineDir + string(date) + "/" + dataset + ".jsonl"
}

// RunKey returns the key of the record of a run.
func RunKey(id string) string { return runsDir + id + ".json" }

// StateKey returns the key of a blob that runs hand on to the next.
func StateKey(name string) string { return stateDir + name }

// stagingPrefix returns the folder in which a run's objects wait, with a slash at the end. It has the term of the run's
// lease in its name: what another run of the same id copies late finds nothing there, or its own (I9).
func stagingPrefix(term int64, runID string) string {
	return fmt.Sprintf("%s%020d-%s/", stagingDir, term, runID)
}

// validStaging says whether a folder is one of those.
func validStaging(dir string) bool {
	name, ok := strings.CutPrefix(dir, stagingDir)
	name, slash := strings.CutSuffix(name, "/")
	term, run, dash := strings.Cut(name, "-")
	return ok && slash && dash && len(term) == 20 && strings.Trim(term, "0123456789") == "" && validID(run) == nil
}

// publishable says whether a publication of the date may hold an object at key.
func publishable(key string, date Date) bool {
	if _, ok := DigestNumber(key); ok {
		return true
	}
	dir, _ := path.Split(key)
	table, isLog := tableOf(key)
	return validKey(key) == nil && inSnapshot(key, date) && (!isLog || dir == LogDir(table, date))
}

// inSnapshot says whether key lies in one of the folders that belong to the date.
func inSnapshot(key string, date Date) bool {
	if table, ok := tableOf(key); ok {
		return strings.HasPrefix(key, LogDir(table, date))
	}
	return strings.HasPrefix(key, AuditKey(date, "")) || strings.HasPrefix(key, ReportKey(date, ""))
}

// tableOf returns the table that an object below logs/ belongs to.
func tableOf(key string) (string, bool) {
	rest, ok := strings.CutPrefix(key, logsDir)
	if !ok {
		return "", false
	}
	table, _, ok := strings.Cut(rest, "/")
	return table, ok
}

// validKey refuses keys that some bucket would store under another name, or outside the prefix.
func validKey(key string) error {
	switch {
	case key == "" || len(key) > 900:
		return fmt.Errorf("key %q: expected 1 to 900 bytes", key)
	case !utf8.ValidString(key):
		return fmt.Errorf("key %q: expected UTF-8", key)
	case strings.ContainsFunc(key, func(r rune) bool { return unicode.IsControl(r) || r == '\\' }):
		return fmt.Errorf("key %q: expected no control characters and no backslash", key)
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return fmt.Errorf("key %q: expected names between the slashes, none of them empty, . or ..", key)
		}
	}
	return nil
}

// validID checks the id of a run, which is part of keys and sorts runs by time.
func validID(id string) error {
	ok := id != "" && len(id) <= 100 && id[0] != '.' && !strings.ContainsFunc(id, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-", r))
	})
	if !ok {
		return fmt.Errorf("run id %q: expected up to 100 letters, digits, dots, dashes and underscores", id)
	}
	return nil
}
