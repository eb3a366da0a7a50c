package pages

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/usagereport/usagereport/admin/figures"
	"github.com/usagereport/usagereport/sinks/lake"
)

// AuditLogView is the page of the audit log.
type AuditLogView struct {
	Frame    Frame
	Access   string // URL of the second view, the access to exports; empty: not for this person
	Filter   AuditFilter
	Problems []string           // what of the query could not be used, a sentence each; shown above the filters
	Page     *figures.AuditPage // nil: nothing is published, or no audit log
	Newer    string             // URLs of the neighbouring pages; empty: there is none
	Older    string
	CSV      string // URLs of the downloads of exactly what is filtered; empty: not to be had
	JSON     string
	Clear    string // URL of the page without filters; empty: nothing is filtered
}

// AuditFilter is how the audit log is filtered, as it was asked for.
type AuditFilter struct {
	Workspaces []Choice // field workspace_id; the first may be "all"; a single one is shown as text
	Actions    []Choice // field action, may be repeated; none chosen: all
	Person     string   // field person: part of a name or email, of who did it or to whom
	From, To   string   // fields from and to, 2006-01-02, both included; empty: as far as the window goes
}

// AuditLog writes the page of the audit log.
func (p *Pages) AuditLog(w io.Writer, v AuditLogView) error {
	v.Frame.Here = AuditLog
	return p.write(w, "auditlog.html", v.Frame, v)
}

// AccessLogView is the second view of the audit log: who fetched what, who signed in, which keys changed.
type AccessLogView struct {
	Frame    Frame
	Events   string // URL of the first view
	From, To string // fields from and to, 2006-01-02
	Problems []string
	Records  []lake.AccessRecord // newest first; Time is shown in its own zone
	Newer    string              // URLs of the neighbouring pages; empty: there is none
	Older    string
	CSV      string // URLs of the downloads
	JSON     string
	Clear    string
}

// AccessLog writes the page of the access to exports.
func (p *Pages) AccessLog(w io.Writer, v AccessLogView) error {
	v.Frame.Here = AuditLog
	return p.write(w, "accesslog.html", v.Frame, v)
}

// accessRow is a record of the access trail in words.
type accessRow struct {
	lake.AccessRecord
	Did     string
	Filters string // how the download was filtered
	Outcome string
	Refused bool
	Sent    int64
}

// accessRows returns the records in words.
func accessRows(records []lake.AccessRecord) []accessRow {
	rows := make([]accessRow, len(records))
	for i, r := range records {
		rows[i] = accessRowOf(r)
	}
	return rows
}

func accessRowOf(r lake.AccessRecord) accessRow {
	row := accessRow{AccessRecord: r, Did: words(string(r.Kind)), Outcome: "Done"}
	row.Refused = r.Status >= http.StatusBadRequest || r.Kind == lake.AccessSignInRefused
	switch r.Kind {
	case lake.AccessDownload:
		row.Did = "Downloaded " + downloadName(r)
	case lake.AccessSignIn:
		row.Did = "Signed in"
	case lake.AccessSignInRefused:
		row.Did = "Tried to sign in"
	case lake.AccessSignOut:
		row.Did = "Signed out"
	case lake.AccessKeyCreated:
		row.Did = "Made key " + r.Object
	case lake.AccessKeyRevoked:
		row.Did = "Revoked key " + r.Object
	}
	if row.Refused {
		row.Outcome = "Refused"
	}
	if r.Bytes != nil {
		row.Sent = *r.Bytes
	}
	var filters []string
	for _, name := range slices.Sorted(maps.Keys(r.Filters)) {
		filters = append(filters, name+" "+r.Filters[name])
	}
	row.Filters = strings.Join(filters, ", ")
	return row
}

// downloadName says what was downloaded.
func downloadName(r lake.AccessRecord) string {
	switch r.Route {
	case "/export/audit-log":
		return "the audit log"
	case "/export/access-log":
		return "the access to exports"
	}
	if r.Object != "" {
		return r.Object
	}
	return r.Route
}
