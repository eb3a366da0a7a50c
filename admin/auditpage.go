package admin

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usagereport/usagereport/admin/figures"
	"github.com/usagereport/usagereport/admin/pages"
	"github.com/usagereport/usagereport/sinks/lake"
)

// auditLogPage shows the events of the audit log, or of the access trail.
func (s *Server) auditLogPage(w *response, r *request) error {
	if r.trail {
		return s.accessPage(w, r)
	}
	from, to := r.params.days()
	q := figures.AuditQuery{
		Workspaces: r.scope.query(), Actions: r.params.texts("action"), Person: r.params.text("person"), From: from, To: to, Cursor: r.params.text("cursor"),
	}
	page, err := s.figures.Audit(r.Context(), q)
	if errors.Is(err, figures.ErrNotPublished) || errors.Is(err, lake.ErrNoSnapshot) {
		page, err = nil, nil
	}
	if err != nil {
		return asFiguresProblem(err)
	}
	v := pages.AuditLogView{
		Frame: s.frame(r), Page: page, Problems: r.params.sentences(),
		Filter: pages.AuditFilter{Person: q.Person, From: string(from), To: string(to)},
	}
	if r.who.MayManage() == nil {
		v.Access = "/audit-log?view=access"
	}
	if page == nil {
		return s.show(w, r, func() error { return s.pages.AuditLog(w, v) })
	}
	v.Frame = s.frameOf(r, &page.Snapshot)
	asked := r.params.text("workspace_id")
	v.Filter.Workspaces = choicesOf(page.Workspaces, r.who.Workspaces, r.who.AllWorkspaces(), asked)
	for _, a := range actionsOf(page.Actions, q.Actions) {
		v.Filter.Actions = append(v.Filter.Actions, pages.Choice{Value: a, Label: inWords(a), Chosen: slices.Contains(q.Actions, a)})
	}
	filters := func(more ...string) url.Values {
		f := url.Values{
			"workspace_id": {asked}, "action": slices.Clone(q.Actions), "person": {q.Person}, "from": {string(from)}, "to": {string(to)},
		}
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return f
	}
	if page.Newer != "" {
		v.Newer = link("/audit-log", filters("cursor", page.Newer))
	}
	if page.Older != "" {
		v.Older = link("/audit-log", filters("cursor", page.Older))
	}
	if len(v.Problems) == 0 {
		v.CSV = link("/export/audit-log", filters("format", "csv"))
		v.JSON = link("/export/audit-log", filters("format", "json"))
	}
	if self := link("/audit-log", filters()); self != "/audit-log" {
		v.Clear = "/audit-log"
	}
	return s.show(w, r, func() error { return s.pages.AuditLog(w, v) })
}

// choicesOf are the workspaces that somebody may choose among: of known ones all or those that are theirs, and all of them together.
func choicesOf(known []figures.Workspace, own []string, all bool, asked string) []pages.Choice {
	var out []pages.Choice
	add := func(w figures.Workspace) {
		label := w.Name
		if label == "" {
			label = w.ID
		}
		out = append(out, pages.Choice{Value: w.ID, Label: label, Chosen: w.ID == asked})
	}
	for _, w := range known {
		if all || slices.Contains(own, w.ID) {
			add(w)
		}
	}
	if !all {
		for _, id := range own {
			if !slices.ContainsFunc(known, func(w figures.Workspace) bool { return w.ID == id }) {
				add(figures.Workspace{ID: id})
			}
		}
	}
	if asked != "" && !slices.ContainsFunc(out, func(c pages.Choice) bool { return c.Chosen }) {
		add(figures.Workspace{ID: asked}) // which nothing is known of
	}
	slices.SortFunc(out, func(a, b pages.Choice) int {
		if c := strings.Compare(strings.ToLower(a.Label), strings.ToLower(b.Label)); c != 0 {
			return c
		}
		return strings.Compare(a.Value, b.Value)
	})
	if len(out) == 1 {
		out[0].Chosen = true
		return out
	}
	return slices.Insert(out, 0, pages.Choice{Label: "All workspaces", Chosen: asked == ""})
}

// actionsOf are the known actions, and those that were asked for all the same.
func actionsOf(known, asked []string) []string {
	out := slices.Clone(known)
	for _, a := range asked {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// inWords says an action, such as member.role_updated, in words.
func inWords(action string) string {
	text := strings.NewReplacer(".", " ", "_", " ").Replace(action)
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// accessOnPage is how many records of the trail stand on a page.
const accessOnPage = 50

// accessPage shows the access trail.
func (s *Server) accessPage(w *response, r *request) error {
	from, to := r.params.days()
	place, err := parsePlace(r.params.text("cursor"))
	if err != nil {
		return err
	}
	v := pages.AccessLogView{From: string(from), To: string(to), Problems: r.params.sentences()}
	filters := func(more ...string) url.Values {
		f := url.Values{"from": {v.From}, "to": {v.To}}
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return f
	}
	until := place.at
	if until.IsZero() && to != "" {
		until = to.Time().AddDate(0, 0, 1).Add(-1)
	}
	passed := 0 // of those at the very instant of the place
	for rec, err := range s.lake.AccessUntil(r.Context(), from, until) {
		if rec, err = readable(rec, err); err != nil {
			return err
		}
		if !place.at.IsZero() && rec.Time.Equal(place.at) && passed < place.passed {
			passed++
			continue
		}
		if len(v.Records) == accessOnPage {
			v.Older = link("/audit-log", filters("view", "access", "cursor", placeAfter(v.Records, place).String()))
			break
		}
		v.Records = append(v.Records, rec)
	}
	if r.params.text("cursor") != "" {
		v.Newer = link("/audit-log", filters("view", "access"))
	}
	if len(r.who.Workspaces) > 0 {
		v.Events = "/audit-log"
	}
	if len(v.Problems) == 0 {
		v.CSV, v.JSON = link("/export/access-log", filters("format", "csv")), link("/export/access-log", filters("format", "json"))
	}
	if from != "" || to != "" {
		v.Clear = "/audit-log?view=access"
	}
	v.Frame = s.frame(r)
	return s.show(w, r, func() error { return s.pages.AccessLog(w, v) })
}

// place is where a page of the access trail begins: behind some of the records of an instant.
type place struct {
	at     time.Time
	passed int
}

// String returns the place as parsePlace takes it.
func (p place) String() string { return fmt.Sprintf("%d.%d", p.at.UnixNano(), p.passed) }

func parsePlace(text string) (place, error) {
	if text == "" {
		return place{}, nil
	}
	at, passed, _ := strings.Cut(text, ".")
	nanos, err := strconv.ParseInt(at, 10, 64)
	n, err2 := strconv.Atoi(passed)
	p := place{time.Unix(0, nanos).UTC(), n}
	if err != nil || err2 != nil || n < 1 || p.String() != text {
		return place{}, badParameter("cursor", text, "what a link of this page has")
	}
	return p, nil
}

// placeAfter is behind the last of the records, which began at before.
func placeAfter(records []lake.AccessRecord, before place) place {
	p := place{at: records[len(records)-1].Time}
	for _, r := range records {
		if r.Time.Equal(p.at) {
			p.passed++
		}
	}
	if p.at.Equal(before.at) {
		p.passed += before.passed
	}
	return p
}
