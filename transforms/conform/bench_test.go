package conform

import (
	"fmt"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
)

const benchRows = 1 << 16

func texts64k(text func(i int) string) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	for i := range benchRows {
		b.Append(text(i))
	}
	return b.NewStringArray()
}

func instants64k(zone string) arrow.Array {
	b := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: zone})
	defer b.Release()
	for i := range benchRows {
		b.Append(arrow.Timestamp(1_790_000_000_000_000 + int64(i)*1_000_003))
	}
	return b.NewTimestampArray()
}

func codes64k(n int) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	for i := range n {
		b.Append(fmt.Sprintf("value-%d", i))
	}
	dict := b.NewStringArray()
	defer dict.Release()
	codes := make([]int32, benchRows)
	for i := range codes {
		codes[i] = int32(i % n)
	}
	return coded(memory.DefaultAllocator, dict, codes...)
}

func benchmark(b *testing.B, o Options, rec arrow.Record) {
	b.Helper()
	defer rec.Release()
	c := conformer(b, o)
	b.ReportAllocs()
	for b.Loop() {
		out, _, err := c.Conform(rec)
		if err != nil {
			b.Fatal(err)
		}
		out.Release()
	}
	b.ReportMetric(float64(rec.NumRows())*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkConform(b *testing.B) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		b.Fatal(err)
	}
	id := func(i int) string { return fmt.Sprintf("event-%012d", i) }
	// As parquet sources hand generations over.
	generations := func(eventID func(int) string) arrow.Record {
		return record("workspace_id", codes64k(6), "created_at", instants64k("UTC"), "generation_type", codes64k(5),
			"generation_feature", codes64k(12), "event_id", texts64k(eventID), "user_id", codes64k(20_000),
			"canvas_id", codes64k(30_000), "grid_id", codes64k(1000), "agent_id", codes64k(500))
	}
	b.Run("generations, nothing to change", func(b *testing.B) {
		benchmark(b, Options{Table: dictionary.Generations}, generations(id))
	})
	b.Run("generations, one row in 1000 rejected", func(b *testing.B) {
		benchmark(b, Options{Table: dictionary.Generations}, generations(func(i int) string {
			if i%1000 == 7 {
				return "\xff"
			}
			return id(i)
		}))
	})
	at := one(dictionary.Field{Name: "x", Kind: ts, Required: true})
	instant := func(i int) time.Time { return time.UnixMicro(1_790_000_000_000_000 + int64(i)*1_000_003).UTC() }
	b.Run("timestamps from text", func(b *testing.B) {
		benchmark(b, Options{Table: at}, record("x", texts64k(func(i int) string { return instant(i).Format(time.RFC3339Nano) })))
	})
	b.Run("timestamps from civil text", func(b *testing.B) {
		benchmark(b, Options{Table: at, Zone: newYork}, record("x", texts64k(func(i int) string { return instant(i).Format(time.DateTime) })))
	})
	b.Run("civil timestamps", func(b *testing.B) {
		benchmark(b, Options{Table: at, Zone: newYork}, record("x", instants64k("")))
	})
	b.Run("text mapped", func(b *testing.B) {
		benchmark(b, Options{Table: one(dictionary.Field{Name: "x"}), Mappings: map[string]map[string]string{"x": {"event-000000000007": "seven"}}}, record("x", texts64k(id)))
	})
}
