package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/textfile"
	"github.com/usagereport/usagereport/transforms/audit"
	"github.com/usagereport/usagereport/transforms/audit/chain"
	"github.com/usagereport/usagereport/transforms/calendar"
)

// The files of the audit log beside its Parquet (contract §8).
const (
	auditCSV  = "audit_log.csv"
	auditJSON = "audit_log.json"
)

const jsonType = "application/json"

// makeAudit makes the audit log into objects of the publication, as Parquet, CSV and JSON, and the digest of it.
func (r *nightRun) makeAudit(ctx context.Context, p *lake.Publication) error {
	run := audit.Run{Date: r.date, Mem: r.night.Mem}
	events, err := r.audit.merger(ctx, r.audit.touching(run.Window()))
	if err != nil {
		return err
	}
	defer events.Close()
	r.audit.count(events)

	r.night.progress().Stage("write audit log")
	csv, err := r.newText(ctx, p, auditCSV, "text/csv; charset=utf-8; header=present", textfile.NewCSV)
	if err != nil {
		return err
	}
	defer csv.object.Abort()
	json, err := r.newText(ctx, p, auditJSON, jsonType, textfile.NewJSON)
	if err != nil {
		return err
	}
	defer json.object.Abort()
	segments := chain.NewSegments(run.Window(), r.zone)
	known := audit.Known{Workspaces: r.tables.known[dictionary.Workspaces.Name], Members: r.tables.known[dictionary.Members.Name]}
	var totals audit.Totals
	err = r.writeLog(ctx, p, dictionary.AuditLog, audit.Log(run, known, events, &totals), csv.write, json.write, segments.Add)
	if err != nil {
		return err
	}
	for _, text := range []*textLog{csv, json} {
		if err := text.finish(); err != nil {
			return err
		}
	}
	r.checkAudit(&totals, csv.rows, json.rows)
	return r.publishDigest(ctx, p, segments)
}

// textLog is a text file of the audit log while it is written.
type textLog struct {
	name   string
	object *lake.Object
	writer *textfile.Writer
	rows   int64
}

func (r *nightRun) newText(ctx context.Context, p *lake.Publication, name, contentType string,
	format func(io.Writer, *dictionary.Table) *textfile.Writer) (*textLog, error) {
	object, err := p.Create(ctx, lake.AuditKey(lake.Date(r.date.String()), name), contentType)
	if err != nil {
		return nil, err
	}
	return &textLog{name: name, object: object, writer: format(object, dictionary.AuditLog)}, nil
}

func (t *textLog) write(rec arrow.Record) error { return t.writer.Write(rec) }

func (t *textLog) finish() (err error) {
	if t.rows, err = t.writer.Close(); err != nil {
		return fmt.Errorf("write %s: %w", t.name, err)
	}
	if err := t.object.Commit(t.rows); err != nil {
		return fmt.Errorf("write %s: %w", t.name, err)
	}
	return nil
}

// checkAudit checks that every event of the window is in the log or known not to be, and that all files hold the log.
func (r *nightRun) checkAudit(t *audit.Totals, csv, json int64) {
	distinct := r.audit.distinct(calendar.Windows(r.date).Audit)
	r.check("audit_event_total", t.Events == distinct && t.Events == t.Rows+t.OtherPlan+t.NoWorkspace+t.OtherAction && t.Repeated == 0,
		map[string]int64{
			"distinct_source_events": distinct, "daily_facts": t.Events, "rows": t.Rows, "repeated": t.Repeated,
			"other_plan": t.OtherPlan, "unknown_workspace": t.NoWorkspace, "other_action": t.OtherAction,
		}, "the distinct events in the window are not those of the daily facts, or these not the rows and what is left out, or an event is there twice")
	rows := r.written[dictionary.AuditLog].Rows
	r.check("audit_files", rows == t.Rows && csv == t.Rows && json == t.Rows,
		map[string]int64{"parquet_rows": rows, "csv_rows": csv, "json_rows": json}, "the files of the audit log differ in rows")
	r.check("audit_joins", true, map[string]int64{
		"audit_log_without_actor": t.NoActor, "audit_log_without_target": t.NoTarget,
	}, "")
	if t.NoWorkspace > 0 {
		r.warnings = append(r.warnings, fmt.Sprintf("audit_events: %d of the last 90 days belong to workspaces that no snapshot ever knew: "+
			"they are not in the audit log", t.NoWorkspace))
	}
}

// publishDigest makes the digest of the audit log an object of the publication. A chain that is broken is a failed check.
func (r *nightRun) publishDigest(ctx context.Context, p *lake.Publication, segments *chain.Segments) error {
	stored := digests{lake: r.night.Lake, warn: func(text string) { r.warnings = append(r.warnings, text) }}
	digest, err := chain.Extend(stored.back(ctx), chain.Publication{RunID: runID(r.date, r.time), Date: r.date}, segments)
	if errors.Is(err, chain.ErrTampered) {
		r.check("audit_chain", false, nil, err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	amended := digest.Amended()
	r.check("audit_chain", true, map[string]int64{"digest": digest.Number, "amended_days": int64(len(amended))}, "")
	for _, day := range amended {
		r.warnings = append(r.warnings, fmt.Sprintf("audit_log: %s is not as digest %d had it: %d events then, %d now; events came late or were "+
			"withdrawn, or a workspace changed its plan", day.Day, day.Amends.Number, day.Amends.Events, day.Events))
	}
	return r.putDigest(ctx, p, digest.Number, digest.Encode())
}

func (r *nightRun) putDigest(ctx context.Context, p *lake.Publication, number int64, data []byte) error {
	object, err := p.Create(ctx, lake.DigestKey(number), jsonType)
	if err != nil {
		return err
	}
	defer object.Abort()
	if _, err := object.Write(data); err != nil {
		return fmt.Errorf("write digest %d: %w", number, err)
	}
	return object.Commit(0)
}

// keepDigest hands on the digest of what was published of this date when the audit log no longer is: a manifest must
// go on to vouch for it, for it may be the last one.
func (r *nightRun) keepDigest(ctx context.Context, p *lake.Publication) error {
	m, err := r.night.Lake.Manifest(ctx, lake.Date(r.date.String()))
	if errors.Is(err, lake.ErrNoSnapshot) || errors.Is(err, lake.ErrCorrupt) {
		return nil
	}
	if err != nil {
		return err
	}
	_, number, ok := m.Digest()
	if !ok {
		return nil
	}
	digest, err := (&digests{lake: r.night.Lake}).vouched(ctx, m)
	if errors.Is(err, chain.ErrTampered) {
		r.check("audit_chain", false, nil, err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	return r.putDigest(ctx, p, number, digest.Encode())
}
