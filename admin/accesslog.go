package admin

import (
	"errors"
	"iter"
	"net/url"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
)

// accessLog describes the access trail as a table, so that it is written as every other. It is no log that is published.
var accessLog = &dictionary.Table{
	Name: "access_log", Title: "Access Log", Role: dictionary.Log, NewestFirst: "time",
	Doc: "Who fetched what, who signed in or was refused, and which API keys were made and revoked, one row per event.",
	Fields: []dictionary.Field{
		{Name: "time", Kind: dictionary.Timestamp, Required: true, Doc: "The instant it happened."},
		{Name: "kind", Required: true, Doc: "What happened."},
		{Name: "who_type", Doc: "key or person."},
		{Name: "who_id", Doc: "Identifies the key or the person."},
		{Name: "who_name", Doc: "The name of the key or the person."},
		{Name: "object", Doc: "The object that was downloaded, or the id of the key that was made or revoked."},
		{Name: "route", Doc: "The path of the request; empty for the command line."},
		{Name: "filters", Doc: "The parameters of the request, as in a URL."},
		{Name: "bytes", Kind: dictionary.Integer, Doc: "The length of the answer, where it was known before it was sent."},
		{Name: "status", Kind: dictionary.Integer, Doc: "The HTTP status of the answer."},
		{Name: "detail", Doc: "Why it was refused, or what else is to be known."},
		{Name: "client", Doc: "The network address of the client."},
		{Name: "request_id", Doc: "Identifies the request, as in the server's log."},
		{Name: "user_agent", Doc: "What the client says it is."},
	},
}

// kindDamaged stands for a record of the trail that cannot be read: that there was one is not to be lost.
const kindDamaged = "damaged"

// accessRows is how many rows of the trail make a record.
const accessRows = 500

// accessRecords yields the access trail as records of accessLog. The consumer releases each.
func accessRecords(trail iter.Seq2[lake.AccessRecord, error]) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		b := array.NewRecordBuilder(memory.DefaultAllocator, accessLog.Schema())
		defer b.Release()
		rows := 0
		for r, err := range trail {
			if r, err = readable(r, err); err != nil {
				yield(nil, err)
				return
			}
			appendAccess(b, r)
			if rows++; rows == accessRows {
				rows = 0
				if !yield(b.NewRecord(), nil) {
					return
				}
			}
		}
		if rows > 0 {
			yield(b.NewRecord(), nil)
		}
	}
}

// readable makes a row of a record that is damaged.
func readable(r lake.AccessRecord, err error) (lake.AccessRecord, error) {
	if errors.Is(err, lake.ErrCorrupt) {
		return lake.AccessRecord{Time: r.Time, Kind: kindDamaged, Detail: "this record of the trail cannot be read"}, nil
	}
	return r, err
}

// appendAccess adds a row. Text is cleaned again: a record may have been written by another program.
func appendAccess(b *array.RecordBuilder, r lake.AccessRecord) {
	filters := url.Values{}
	for name, value := range r.Filters {
		filters.Set(name, value)
	}
	texts := map[string]string{
		"kind": string(r.Kind), "who_type": r.WhoType, "who_id": r.WhoID, "who_name": r.WhoName, "object": r.Object, "route": r.Route,
		"filters": filters.Encode(), "detail": r.Detail, "client": r.Client, "request_id": r.RequestID, "user_agent": r.UserAgent,
	}
	for i, f := range accessLog.Fields {
		switch col := b.Field(i).(type) {
		case *array.TimestampBuilder:
			col.Append(arrow.Timestamp(r.Time.UnixMicro()))
		case *array.Int64Builder:
			switch {
			case f.Name == "status" && r.Status != 0:
				col.Append(int64(r.Status))
			case f.Name == "bytes" && r.Bytes != nil:
				col.Append(*r.Bytes)
			default:
				col.AppendNull()
			}
		case *array.StringBuilder:
			if v := texts[f.Name]; v != "" {
				col.Append(clean(v, 2000))
			} else {
				col.AppendNull()
			}
		}
	}
}
