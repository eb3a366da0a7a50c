package integration_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/integration"
	"github.com/usagereport/usagereport/transforms/rowtest"
)

// instants makes a batch of one Timestamp column.
func instants(mem memory.Allocator, name string, at ...int64) arrow.Record {
	b := array.NewRecordBuilder(mem, arrow.NewSchema([]arrow.Field{{Name: name, Type: arrow.FixedWidthTypes.Timestamp_us}}, nil))
	defer b.Release()
	for _, v := range at {
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(v))
	}
	return b.NewRecord()
}

// secondsOf returns the texts that Prepare adds for instants.
func secondsOf(t rapid.TB, mem memory.Allocator, zone *time.Location, at ...int64) (texts []string) {
	t.Helper()
	rec := instants(mem, "synced_at", at...)
	defer rec.Release()
	out, err := integration.NewSeconds(mem, integration.SyncFacts(zone)).Prepare(rec)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	if out.NumRows() != int64(len(at)) || out.NumCols() != 2 || out.ColumnName(1) != "second" || out.Column(0) != rec.Column(0) {
		t.Fatalf("%v", out)
	}
	for i := range at {
		texts = append(texts, out.Column(1).ValueStr(i))
	}
	return texts
}

func TestSeconds(t *testing.T) {
	for _, c := range []struct{ zone, at, want string }{
		{"UTC", "2026-11-21T00:00:00Z", "000000"},
		{"UTC", "2026-11-20T23:59:59.999999Z", "086399"},
		{"UTC", "2026-11-20T12:00:00.999999Z", "043200"},
		{"UTC", "2026-11-20T12:00:01Z", "043201"},
		{"UTC", "1970-01-01T00:00:00Z", "000000"},
		{"UTC", "1969-12-31T23:59:59.999999Z", "086399"},
		{"UTC", "1969-12-31T00:00:00.5Z", "000000"},
		{"UTC", "1900-02-28T00:00:01.000001Z", "000001"},
		{"UTC", "2200-01-01T10:00:00Z", "036000"},
		{"America/New_York", "2026-11-21T04:59:59.999999Z", "086399"},
		{"America/New_York", "2026-11-21T05:00:00Z", "000000"},
		// A day of 23 hours: the clock goes from 1:59:59 to 3:00:00.
		{"America/New_York", "2026-03-08T06:59:59Z", "007199"},
		{"America/New_York", "2026-03-08T07:00:00Z", "007200"},
		{"America/New_York", "2026-03-09T03:59:59.999999Z", "082799"},
		{"America/New_York", "2026-03-09T04:00:00Z", "000000"},
		// A day of 25 hours: 1:30 comes twice.
		{"America/New_York", "2026-11-01T05:30:00Z", "005400"},
		{"America/New_York", "2026-11-01T06:30:00Z", "009000"},
		{"America/New_York", "2026-11-02T04:59:59.999999Z", "089999"},
		{"America/New_York", "2026-11-02T05:00:00Z", "000000"},
		// A change of half an hour, a day that begins at 1:00, one that has midnight twice, a day that was left out.
		{"Australia/Lord_Howe", "2026-04-05T13:29:59Z", "088199"},
		{"Australia/Lord_Howe", "2026-04-05T13:30:00Z", "000000"},
		{"America/Havana", "2026-03-08T05:00:00Z", "000000"},
		{"America/Havana", "2026-03-08T04:59:59Z", "086399"},
		{"America/Havana", "2026-11-01T05:00:00Z", "003600"},
		{"Pacific/Apia", "2011-12-30T09:59:59Z", "086399"},
		{"Pacific/Apia", "2011-12-30T10:00:00Z", "000000"},
		{"America/New_York", "1883-11-18T16:59:00Z", "043378"}, // local mean time until then
	} {
		if got := secondsOf(t, checked(t), location(t, c.zone), at(c.at)); got[0] != c.want {
			t.Errorf("%s in %s: %s, want %s", c.at, c.zone, got[0], c.want)
		}
	}
}

// TestSecondsTellTheInstant: the day's start and the seconds are the instant without its fraction, in any order of rows.
func TestSecondsTellTheInstant(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		zone := location(rt, rapid.SampledFrom([]string{"UTC", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia",
			"America/St_Johns", "Asia/Kathmandu", "Africa/Monrovia"}).Draw(rt, "zone"))
		at := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(-3e15, 5e15), rapid.Int64Range(1_700_000_000e6, 1_700_200_000e6)), 1, 20).Draw(rt, "at")
		for i, text := range secondsOf(rt, mem, zone, at...) {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || len(text) != 6 {
				rt.Fatalf("%q", text)
			}
			instant := time.UnixMicro(at[i])
			if got := calendar.Of(instant, zone).Start(zone).Add(time.Duration(n) * time.Second); !got.Equal(instant.Truncate(time.Second)) {
				rt.Errorf("%s in %s: %s gives %s", instant.UTC(), zone, text, got.UTC())
			}
		}
	})
}

// TestSecondsKeepTheRest: other columns stay as they are, memory and all; a part of a batch has its own rows.
func TestSecondsKeepTheRest(t *testing.T) {
	mem := checked(t)
	s := integration.NewSeconds(mem, integration.ObservationFacts(time.UTC))
	var rows []fields
	for _, v := range []string{"2026-11-20T00:00:01Z", "2026-11-20T00:00:02Z", "2026-11-19T00:00:03Z", "2026-11-20T00:00:04Z"} {
		rows = append(rows, observation{"s", "seen", at(v), "a@x.org", null, null, null}.fields())
	}
	rec := rowtest.Record(t, mem, dictionary.UserObservations, rows, true)
	defer rec.Release()
	part := rec.NewSlice(1, 3)
	defer part.Release()
	none := rec.NewSlice(2, 2)
	defer none.Release()
	for want, rec := range map[string]arrow.Record{"000001 000002 000003 000004": rec, "000002 000003": part, "": none} {
		out, err := s.Prepare(rec)
		if err != nil {
			t.Fatal(err)
		}
		for i := range int(rec.NumCols()) {
			if out.Column(i) != rec.Column(i) || !out.Schema().Field(i).Equal(rec.Schema().Field(i)) {
				t.Errorf("column %s was replaced", rec.ColumnName(i))
			}
		}
		var got []string
		for i := range int(out.NumRows()) {
			got = append(got, out.Column(int(rec.NumCols())).ValueStr(i))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("got %s, want %s", got, want)
		}
		out.Release()
	}
}

func TestSecondsOfOtherBatches(t *testing.T) {
	mem := checked(t)
	s := integration.NewSeconds(mem, integration.SyncFacts(time.UTC))
	other := instants(mem, "observed_at", 1)
	defer other.Release()
	twice := array.NewRecord(arrow.NewSchema(slices.Repeat([]arrow.Field{{Name: "synced_at", Type: arrow.FixedWidthTypes.Timestamp_us}}, 2), nil),
		[]arrow.Array{other.Column(0), other.Column(0)}, 1)
	defer twice.Release()
	days := array.NewDate32Builder(mem)
	defer days.Release()
	days.Append(1)
	day := days.NewArray()
	defer day.Release()
	dates := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "synced_at", Type: arrow.FixedWidthTypes.Date32}}, nil), []arrow.Array{day}, 1)
	defer dates.Release()
	for want, rec := range map[string]arrow.Record{
		`0 columns named "synced_at", want 1`: other, `2 columns named "synced_at", want 1`: twice, "synced_at is date32, want timestamp[us, UTC]": dates,
	} {
		if out, err := s.Prepare(rec); out != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v, want %s", out, err, want)
		}
	}
}
