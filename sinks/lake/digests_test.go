package lake

import (
	"context"
	"slices"
	"testing"

	"gocloud.dev/blob"
)

func TestDigestNumber(t *testing.T) {
	for key, want := range map[string]int64{
		"audit/digests/00000001.json": 1, "audit/digests/00000042.json": 42, "audit/digests/123456789.json": 123456789,
		"audit/digests/1.json": 0, "audit/digests/00000000.json": 0, "audit/digests/-0000001.json": 0, "audit/digests/+0000001.json": 0,
		"audit/digests/00000001": 0, "audit/digests/00000001.json.json": 0, "audit/digests/x/00000001.json": 0, "00000001.json": 0,
		"audit/2026-11-21/00000001.json": 0, "audit/digests/99999999999999999999.json": 0, "audit/digests/": 0, "": 0,
	} {
		n, ok := DigestNumber(key)
		if ok != (want > 0) || ok && (n != want || DigestKey(n) != key) {
			t.Errorf("%q: got %d, %v, want %d", key, n, ok, want)
		}
		if publishable(key, day1) != ok {
			t.Errorf("%q: publishable is %v", key, !ok)
		}
	}
}

// A digest is published with its date, and stays when the date is published again without it.
func TestDigestsStay(t *testing.T) {
	forEachLake(t, func(t *testing.T, l *Lake, _ *blob.Bucket) {
		ctx := t.Context()
		publish := func(s snapshot, digest int64) {
			t.Helper()
			p, err := l.Begin(ctx, s.info())
			must(t, err)
			defer func() { must(t, p.Abort(ctx)) }()
			must(t, s.stage(ctx, p))
			if digest > 0 {
				must(t, stageDigest(ctx, p, digest))
			}
			must(t, p.Publish(ctx, s.manifest()))
		}
		publish(first, 9)
		publish(second, 10)
		publish(newer, 0)
		found, err := l.Digests(ctx)
		must(t, err)
		if !slices.Equal(found, []int64{9, 10}) {
			t.Errorf("digests: %v", found)
		}
		for date, want := range map[Date]int64{second.date: 10, newer.date: 0} {
			m, err := l.Manifest(ctx, date)
			must(t, err)
			if o, n, ok := m.Digest(); n != want || ok != (want > 0) || ok && o.Key != DigestKey(want) {
				t.Errorf("%s: digest %d, %v, want %d", date, n, ok, want)
			}
			_, err = l.Verify(ctx, date)
			must(t, err)
		}
	})
}

func stageDigest(ctx context.Context, p *Publication, n int64) error {
	o, err := p.Create(ctx, DigestKey(n), jsonType)
	if err != nil {
		return err
	}
	if _, err := o.Write([]byte("{}\n")); err != nil {
		return err
	}
	return o.Commit(0)
}
