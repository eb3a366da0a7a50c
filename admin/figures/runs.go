package figures

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/usagereport/usagereport/sinks/lake"
)

// atOnce is how many small objects are read side by side.
const atOnce = 8

// Runs returns a page of the history of runs. ErrQuery if the query makes no sense.
func (r *Reader) Runs(ctx context.Context, q RunsQuery) (*RunsPage, error) {
	limit := q.Limit
	if limit == 0 {
		limit = 50
	}
	if limit < 0 || limit > MaxLimit {
		return nil, fmt.Errorf("%w: %d runs on a page, expected 1 to %d", ErrQuery, limit, MaxLimit)
	}
	older, id, err := parseRunCursor(q.Cursor)
	if err != nil {
		return nil, err
	}
	ids, err := r.lake.RunIDs(ctx)
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	lo, hi := runsOnPage(ids, older, id, limit)
	page := &RunsPage{Total: int64(len(ids)), Runs: make([]lake.RunRecord, hi-lo)}
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, id := range ids[lo:hi] {
		g.Go(func() (err error) {
			page.Runs[i], err = r.runInShort(ctx, id)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, unavailable(ctx, err)
	}
	if lo < hi {
		page.First = int64(lo) + 1
		if lo > 0 {
			page.Newer = "n." + ids[lo]
		}
		if hi < len(ids) {
			page.Older = "o." + ids[hi-1]
		}
	}
	return page, nil
}

// runInShort reads the record of a run for a list, which one that is damaged, or gone since, does not spoil.
func (r *Reader) runInShort(ctx context.Context, id string) (lake.RunRecord, error) {
	rec, err := r.lake.Run(ctx, id)
	switch {
	case err == nil:
		return *rec, nil
	case errors.Is(err, lake.ErrCorrupt), errors.Is(err, lake.ErrNotFound):
		return lake.RunRecord{RunID: id, Status: StatusUnreadable, Error: err.Error()}, nil
	}
	return lake.RunRecord{}, err
}

// runsOnPage returns which of the ids, newest first, stand on the page behind (older) or before an id, which need not be one
// of them any more.
func runsOnPage(ids []string, older bool, id string, limit int) (lo, hi int) {
	if id == "" {
		return 0, min(limit, len(ids))
	}
	at, found := slices.BinarySearchFunc(ids, id, func(a, b string) int { return strings.Compare(b, a) })
	if older {
		if found {
			at++
		}
		return at, min(at+limit, len(ids))
	}
	lo = max(at-limit, 0)
	return lo, min(lo+limit, len(ids))
}

// parseRunCursor reads a cursor of a RunsPage: a direction and the id of a run.
func parseRunCursor(s string) (older bool, id string, err error) {
	if s == "" {
		return true, "", nil
	}
	direction, id, ok := strings.Cut(s, ".")
	plain := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '-' || r == '_' || r == '.'
	}
	if !ok || direction != "o" && direction != "n" || id == "" || len(id) > 100 || id[0] == '.' ||
		strings.IndexFunc(id, func(r rune) bool { return !plain(r) }) >= 0 {
		return false, "", fmt.Errorf("%w: the cursor is none of this program's; begin at the first page again", ErrQuery)
	}
	return direction == "o", id, nil
}

// Run returns one run. lake.ErrNotFound if there is no record of it.
func (r *Reader) Run(ctx context.Context, id string) (*RunDetail, error) {
	if _, _, err := parseRunCursor("o." + id); err != nil {
		return nil, fmt.Errorf("run %.100q: %w", id, lake.ErrNotFound) // what is no id is the id of no run
	}
	rec, err := r.lake.Run(ctx, id)
	if errors.Is(err, lake.ErrNotFound) {
		return nil, err
	}
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	out := &RunDetail{Record: rec}
	out.Quality, err = r.lake.Quality(ctx, id)
	if err != nil && !errors.Is(err, lake.ErrNotFound) {
		return nil, unavailable(ctx, err)
	}
	return out, nil
}
