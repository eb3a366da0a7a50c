package lineage

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
)

// jobName is the name of the one job there is.
const jobName = "nightly"

// runSpace is the namespace of the UUIDs of runs: that of the producer's URL.
var runSpace = uuid.NewSHA1(uuid.NameSpaceURL, []byte(producer))

// runUUID is the same for a run whenever and wherever it is asked for: it follows from the lake and the run id.
func runUUID(run Run) string {
	return uuid.NewSHA1(runSpace, []byte(run.Lake+"\n"+run.ID)).String()
}

func (r *Reporter) base(kind string, run Run, at time.Time) event {
	return event{
		Time: at.UTC(), Type: kind, Producer: producer, Schema: runEventSchema,
		Run: runOf{ID: runUUID(run), Facets: map[string]any{
			"nominalTime":       nominalTime{of(nominalTimeSchema), run.Time.UTC()},
			"processing_engine": engine{of(engineSchema), r.program, "usagereport"},
		}},
		Job: job{Namespace: r.cfg.OpenLineage.Namespace, Name: jobName, Facets: map[string]any{
			"jobType": jobType{of(jobTypeSchema), "BATCH", "USAGEREPORT", "JOB"},
		}},
		Inputs: r.inputs(nil), Outputs: []dataset{},
	}
}

func (r *Reporter) started(run Run, at time.Time) event { return r.base(start, run, at) }

// ended is the event of a run's end. A run that published and still failed is a FAIL with outputs.
func (r *Reporter) ended(run Run, end End, at time.Time) event {
	kind, out, err := complete, end.Outcome, end.Err
	switch {
	case err != nil && end.Stopped, jobs.ExitCode(err) == jobs.ExitLease:
		kind = abort
	case err != nil:
		kind = fail
	}
	e := r.base(kind, run, at)
	if err != nil {
		e.Run.Facets["errorMessage"] = errorMessage{of(errorSchema), r.cfg.Scrub(err.Error()), "Go"}
	}
	if out == nil {
		return e
	}
	if len(out.Manifest.Checks) > 0 {
		e.Run.Facets["test"] = tests{of(testSchema), checks(out.Manifest.Checks)}
	}
	e.Inputs = r.inputs(out.Manifest.Datasets)
	if out.Published {
		e.Outputs = r.outputs(&out.Manifest)
	}
	return e
}

func checks(all []lake.Check) []test {
	made := make([]test, len(all))
	for i, c := range all {
		made[i] = test{Name: c.Name, Status: "pass", Severity: "error", Detail: c.Detail, Figures: c.Figures}
		if !c.OK {
			made[i].Status = "fail"
		}
	}
	return made
}

// inputs are the bound datasets, with how much was read of those that read tells of.
func (r *Reporter) inputs(read []lake.Dataset) []dataset {
	all := []dataset{}
	for _, name := range r.cfg.DatasetNames() {
		def, ok := dictionary.Dataset(name)
		if !ok {
			continue
		}
		d := input(r.cfg.Datasets[name], r.cfg.Sources[r.cfg.Datasets[name].Source].URL, name)
		d.Facets = about(def)
		if i := slices.IndexFunc(read, func(c lake.Dataset) bool { return c.Name == name }); i >= 0 {
			d.InputFacets = map[string]any{
				"inputStatistics":    inputStatistics{of(inputStatsSchema), read[i].Read, read[i].Objects},
				"dataQualityMetrics": quality{facet: of(qualitySchema), Rows: read[i].Read - read[i].Rejected},
			}
		}
		all = append(all, d)
	}
	return all
}

// outputs are the tables of a snapshot, each as the one dataset that its snapshots are, and whatever else was published.
func (r *Reporter) outputs(m *lake.Manifest) []dataset {
	space, folder := bucket(r.cfg.Lake.Bucket)
	folder = join(folder, r.cfg.Lake.Prefix, "/")
	all := []dataset{}
	stats := map[string]*outputStatistics{}
	for _, o := range m.Objects {
		name := stable(o, m.SnapshotDate)
		s := stats[name]
		if s == nil {
			s = &outputStatistics{facet: of(outputStatsSchema)}
			stats[name] = s
			d := dataset{Namespace: space, Name: join(folder, name, "/"), OutputFacets: map[string]any{"outputStatistics": s}}
			if def, ok := dictionary.LogTable(o.Table); ok {
				d.Facets = about(def)
				s.Rows = new(int64)
			} else {
				d.Facets = map[string]any{}
			}
			d.Facets["version"] = version{of(versionSchema), m.RunID}
			all = append(all, d)
		}
		s.Bytes += o.Bytes
		s.Files++
		if s.Rows != nil {
			*s.Rows += o.Rows
		}
	}
	return all
}

// about says what a table of the dictionary holds.
func about(t *dictionary.Table) map[string]any {
	s := schema{facet: of(fieldsSchema), Fields: make([]field, len(t.Fields))}
	for i, f := range t.Fields {
		s.Fields[i] = field{f.Name, f.Kind.String(), f.Doc, i + 1}
	}
	return map[string]any{"schema": s, "documentation": documentation{of(documentationSchema), t.Doc}}
}
