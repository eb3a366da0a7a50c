package figures

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// Usage answers a query. ErrQuery if it makes no sense, ErrNotPublished if there are no usage logs.
func (r *Reader) Usage(ctx context.Context, q Query) (*Usage, error) {
	newest, seen, err := r.newest(ctx)
	if err != nil {
		return nil, err
	}
	v, err := r.usage.get(ctx, r, newest)
	if err != nil {
		return nil, err
	}
	defer v.value.drop()
	asked, err := v.value.ask(q)
	if err != nil {
		return nil, err
	}
	answered, ok := v.value.answers.get(asked.key())
	if !ok {
		select {
		case r.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		answered = v.value.answer(asked)
		<-r.slots
		v.value.answers.put(asked.key(), answered)
	}
	u := *answered
	u.Snapshot = v.snapshot(seen)
	return &u, nil
}

// Workspaces returns the workspaces that the published logs know, by id: those of the usage logs and those of the audit log.
func (r *Reader) Workspaces(ctx context.Context) ([]Workspace, error) {
	newest, _, err := r.newest(ctx)
	if err != nil {
		return nil, err
	}
	all := []Workspace{}
	usage, err := r.usage.get(ctx, r, newest)
	if err == nil {
		all = usage.value.list()
		usage.value.drop()
	} else if !errors.Is(err, ErrNotPublished) && !errors.Is(err, ErrTooLarge) {
		return nil, err
	}
	audit, err := r.audit.get(ctx, r, newest)
	if errors.Is(err, ErrNotPublished) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	defer audit.value.drop()
	for _, w := range audit.value.workspaces {
		i, found := slices.BinarySearchFunc(all, w, byID)
		if !found {
			all = slices.Insert(all, i, w)
			continue
		}
		all[i].Plan = w.Plan
		if all[i].Name == "" {
			all[i].Name = w.Name
		}
	}
	return all, nil
}

func byID(a, b Workspace) int { return strings.Compare(a.ID, b.ID) }
