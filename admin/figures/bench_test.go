package figures

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
)

// benchYear is a year of a thousand users, a row of generations each and day.
func benchYear(b *testing.B) (*cube, arrow.Record) {
	last := dayNumber("2026-11-20")
	random := rand.New(rand.NewPCG(1, 2))
	var rows []row
	for w := range 4 {
		for day := last - 364; day <= last; day++ {
			for u := range 250 {
				g := generation(fmt.Sprint("w", w), fmt.Sprint("u", 250*w+u), dateOf(day), 1)
				g["agent_id"], g["generation_used_iq"] = fmt.Sprint("a", random.IntN(500)), random.IntN(3) == 0
				rows = append(rows, g)
			}
		}
	}
	c, err := newCube(lake.Window{From: dateOf(last - 364), To: dateOf(last)})
	if err != nil {
		b.Fatal(err)
	}
	return c, record(memory.DefaultAllocator, dictionary.GenerationLog, rows, true, generationColumns...)
}

// BenchmarkCube builds a cube of 365,000 rows and answers for the whole year.
func BenchmarkCube(b *testing.B) {
	c, rec := benchYear(b)
	defer rec.Release()
	b.Run("build", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c, err := newCube(c.window)
			if err != nil {
				b.Fatal(err)
			}
			builder := newBuilder(c, 1<<30)
			if err := builder.generationLog(rec); err != nil {
				b.Fatal(err)
			}
			builder.endBlock()
			c.finish()
		}
		b.ReportMetric(float64(rec.NumRows())*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
	builder := newBuilder(c, 1<<30)
	if err := builder.generationLog(rec); err != nil {
		b.Fatal(err)
	}
	builder.endBlock()
	c.finish()
	b.Run("answer", func(b *testing.B) {
		b.ReportAllocs()
		q, err := c.ask(Query{})
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			c.answer(q)
		}
		b.ReportMetric(float64(c.bytes())/float64(len(c.byUser.day)), "bytes/row")
	})
}

// BenchmarkAuditPage makes the first page of an audit log of 100,000 events, filtered by a person.
func BenchmarkAuditPage(b *testing.B) {
	var rows []row
	at := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	for i := range 100_000 {
		user := fmt.Sprint("u", i%3000)
		rows = append(rows, row{"event_id": fmt.Sprintf("e%06d", i), "occurred_at": at.Add(-time.Duration(i) * time.Minute), "workspace_id": "w",
			"workspace_name": "W", "action": "member.added", "actor_user_id": user, "actor_user_name": "Zoë " + user, "actor_user_email": user + "@x.com"})
	}
	log := &auditLog{source: source{mem: memory.DefaultAllocator}, kept: true}
	log.users.Store(1)
	for i := 0; i < len(rows); i += 20_000 {
		log.records = append(log.records, record(memory.DefaultAllocator, dictionary.AuditLog, rows[i:i+20_000], i%40_000 == 0))
	}
	defer log.drop()
	b.ReportAllocs()
	for b.Loop() {
		f, err := newFilter(AuditQuery{Person: "ZOË u77"}, time.UTC)
		if err != nil {
			b.Fatal(err)
		}
		p := &pager{filter: f, zone: time.UTC, limit: 50}
		if page, err := p.page(log.scan(b.Context())); err != nil || len(page.Events) != 50 {
			b.Fatal(page, err)
		}
	}
}
