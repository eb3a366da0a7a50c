//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/usagereport/usagereport/sinks/lake"
)

// action is one thing that is done to a lake by a run of the program.
type action struct {
	name string
	date string
	args func(h *harness) []string
	base func(n *nights) objects // what stands before
}

func night(date, at string, w func(h *harness) string) func(h *harness) []string {
	return func(h *harness) []string { return []string{"run", "--config", w(h), "--date", date, "--run-time", at} }
}

func early(h *harness) string { return h.early.config() }
func late(h *harness) string  { return h.late.config() }
func lean(h *harness) string  { return h.late.lean() }

// actions are those under attack.
var actions = []action{
	{"the first night", day1, night(day1, runTime(day1), early), func(*nights) objects { return nil }},
	{"the next night", day3, night(day3, runTime(day3), late), func(n *nights) objects { return n.second }},
	{"the same date again", day2, night(day2, secondTime(day2), late), func(n *nights) objects { return n.second }},
	{"the same date with fewer objects", day2, night(day2, secondTime(day2), lean), func(n *nights) objects { return n.parted }},
	{"an earlier date", day1, night(day1, secondTime(day1), late), func(n *nights) objects { return n.third }},
}

// tomorrow is what comes after an action that died, where the day has passed meanwhile.
var tomorrow = actions[1]

// rival is what another run makes of the next night at the same time.
var rival = action{"the next night by another run", day3, night(day3, secondTime(day3), late), tomorrow.base}

// nights are the lakes of undisturbed runs. Manifests say how much a run read, which depends on what the
// state says of the runs before it; so there is a lake for each way in which a run can have been cut off.
type nights struct {
	second objects // two nights
	third  objects // three
	parted objects // second, with the second night's logs in two parts each, as another program may have published them
	after  map[string]objects
	twice  map[string]objects // after an action that was done twice
	then   map[string]objects // after an action, and the next night after it
	lost   map[string]objects // the same, where the action died before it kept its state
	alone  map[string]objects // the next night from where the action would have begun
	rival  objects            // the next night at another run time
}

// undisturbed makes the lakes that the others are compared with.
func (h *harness) undisturbed(ctx context.Context, kind string) (_ *nights, err error) {
	n := &nights{
		after: map[string]objects{}, twice: map[string]objects{}, then: map[string]objects{}, lost: map[string]objects{}, alone: map[string]objects{},
	}
	l, err := h.newPlace(ctx, kind)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.remove(ctx)) }()
	for _, date := range []string{day1, day2, day3} {
		w := early
		if date == day3 {
			w = late
		}
		if err := h.succeed(ctx, l, night(date, runTime(date), w)(h)); err != nil {
			return nil, err
		}
		now, err := l.all(ctx)
		if err != nil {
			return nil, err
		}
		switch date {
		case day2:
			n.second = now
		case day3:
			n.third = now
		}
	}
	if n.parted, err = h.from(ctx, kind, n.second, inTwoParts); err != nil {
		return nil, err
	}
	if n.rival, err = h.from(ctx, kind, n.second, func(ctx context.Context, l *place) error { return h.succeed(ctx, l, rival.args(h)) }); err != nil {
		return nil, err
	}
	for _, a := range actions {
		base, run := a.base(n), func(a action) func(ctx context.Context, l *place) error {
			return func(ctx context.Context, l *place) error { return h.succeed(ctx, l, a.args(h)) }
		}
		if n.after[a.name], err = h.from(ctx, kind, base, run(a)); err != nil {
			return nil, err
		}
		if n.twice[a.name], err = h.from(ctx, kind, n.after[a.name], run(a)); err != nil {
			return nil, err
		}
		if a.date != day2 {
			continue
		}
		if n.then[a.name], err = h.from(ctx, kind, n.after[a.name], run(tomorrow)); err != nil {
			return nil, err
		}
		if n.lost[a.name], err = h.from(ctx, kind, withStateOf(n.after[a.name], base), run(tomorrow)); err != nil {
			return nil, err
		}
		if n.alone[a.name], err = h.from(ctx, kind, base, run(tomorrow)); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// withStateOf is one lake with the state of another.
func withStateOf(all, state objects) objects {
	mixed := without(all, "state")
	for key, data := range state {
		if topOf(key) == "state" {
			mixed[key] = data
		}
	}
	return mixed
}

// without leaves out the folders of those names.
func without(all objects, folders ...string) objects {
	kept := maps.Clone(all)
	maps.DeleteFunc(kept, func(key string, _ []byte) bool { return slices.Contains(folders, topOf(key)) })
	return kept
}

// from does something in a lake that begins as base, and returns what stands then.
func (h *harness) from(ctx context.Context, kind string, base objects, do func(ctx context.Context, l *place) error) (_ objects, err error) {
	l, err := h.newPlace(ctx, kind)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.remove(ctx)) }()
	if err := l.restore(ctx, base); err != nil {
		return nil, err
	}
	if err := do(ctx, l); err != nil {
		return nil, err
	}
	return l.all(ctx)
}

// succeed runs the program undisturbed, which must end well.
func (h *harness) succeed(ctx context.Context, l *place, args []string) error {
	p, err := h.start(l, "", args)
	if err != nil {
		return err
	}
	code, _, err := p.wait(ctx)
	if err != nil {
		return err
	}
	if code != 0 {
		return broken("a run that nobody disturbed ended with exit code %d: %s", code, p.said())
	}
	return nil
}

// inTwoParts publishes the second night once more, with a second part to each log. The program reads them as bytes, and
// writes one part; so its next run for the date has parts to delete.
func inTwoParts(ctx context.Context, l *place) error {
	m, err := l.lake.Manifest(ctx, day2)
	if err != nil {
		return err
	}
	p, err := l.lake.Begin(ctx, m.RunInfo)
	if err != nil {
		return err
	}
	put := func(o lake.ObjectInfo, data []byte) error {
		w, err := p.Create(ctx, o.Key, o.ContentType)
		if err != nil {
			return err
		}
		for _, key := range o.Also {
			if err := w.Also(key); err != nil {
				return err
			}
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
		return w.Commit(o.Rows)
	}
	for _, o := range m.Objects {
		data, err := l.read(ctx, o.Key)
		if err == nil {
			err = put(o, data)
		}
		if _, has := m.Object(lake.LogPart(o.Table, day2, 1)); err == nil && o.Table != "" && !has {
			o.Key, o.Rows = lake.LogPart(o.Table, day2, 1), 0
			err = put(o, bytes.Repeat([]byte("part"), 100))
		}
		if err != nil {
			return errors.Join(fmt.Errorf("publish in two parts: %w", err), p.Abort(ctx))
		}
	}
	return p.Publish(ctx, m)
}
