package bucket_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/sources"
	"github.com/usagereport/usagereport/sources/bucket"
	"github.com/usagereport/usagereport/sources/bucket/parquetsrc"
)

// typesOf tells each column's type, and its values in three rows of which the last is null.
var typesOf = []struct{ column, typ, low, mid string }{
	{"boolean", "bool", "false", "true"},
	{"int8", "int32", "-128", "7"},
	{"int16", "int32", "-32768", "7"},
	{"int32", "int32", "-2147483648", "7"},
	{"int64", "int64", "-9223372036854775808", "7"},
	{"uint8", "uint32", "255", "7"},
	{"uint16", "uint32", "65535", "7"},
	{"uint32", "uint32", "4294967295", "7"},
	{"uint64", "uint64", "18446744073709551615", "7"},
	{"float", "float32", "-1.5", "0.25"},
	{"double", "float64", "-1e+300", "0.1"},
	{"date", "date32", "1969-12-31", "2026-11-20"},
	{"ms_utc", "timestamp[ms, tz=UTC]", "-1ms", "1795169700123ms"},
	{"us_utc", "timestamp[us, tz=UTC]", "-1000us", "1795169700123000us"},
	{"ns_utc", "timestamp[ns, tz=UTC]", "-1000000ns", "1795169700123000000ns"},
	{"us_local", "timestamp[us]", "-1000us", "1795169700123000us"},
	{"text", "utf8", "", "Zoë – 漢字 🙂"},
	{"bytes", "binary", "00ff", "616263"},
	{"fixed", "binary", "000102", "616263"},
	{"decimal_18_0", "int64", "-999999999999999999", "7"},
	{"decimal_9_0", "int64", "-999999999", "7"},
	{"decimal_5_2", "utf8", "-0.05", "12.50"},
	{"decimal_38_4", "utf8", "-9999999999999999999999999999999999.9999", "7.0000"},
}

func TestParquetTypes(t *testing.T) {
	for _, layout := range []string{"types_plain.parquet", "types_dictionary.parquet"} {
		s, f := fixtures(t, 2), bucket.File{Key: layout}
		schema, err := s.Schema(t.Context(), f, bucket.ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range typesOf {
			t.Run(layout+"/"+c.column, func(t *testing.T) {
				if got := schema.Field(i); got.Name != c.column || got.Type.String() != c.typ {
					t.Errorf("the schema says %s %s, want %s", got.Name, got.Type, c.typ)
				}
				names, rows, _ := collect(t, s, f, bucket.ReadOptions{Columns: []string{c.column, "missing"}})
				want := fmt.Sprint([][]string{{"1", c.low}, {"2", c.mid}, {"3", "∅"}})
				if len(names) != 1 || fmt.Sprint(rows) != want {
					t.Errorf("%v: %v, want %s", names, rows, want)
				}
			})
		}
	}
}

func TestParquetTypesOfOthers(t *testing.T) {
	s := fixtures(t, 100)
	_, rows, _ := collect(t, s, bucket.File{Key: "duckdb_types.parquet"}, bucket.ReadOptions{Columns: []string{"json", "enum", "id"}})
	want := `[[1 {"a":1} x 00112233-4455-6677-8899-aabbccddeeff] [2 ∅ ∅ ∅]]`
	if fmt.Sprint(rows) != want {
		t.Errorf("%v, want %s", rows, want)
	}
	names, rows, _ := collect(t, s, bucket.File{Key: "int96.parquet"}, bucket.ReadOptions{})
	if want := "[[1 -1000us -128] [2 1795169700123000us 7] [3 ∅ ∅]]"; fmt.Sprint(rows) != want {
		t.Errorf("%v: %v, want %s", names, rows, want)
	}
}

func TestParquetColumnsThatCannotBeRead(t *testing.T) {
	s := fixtures(t, 100)
	for _, c := range []struct{ file, column, why string }{
		{"nested.parquet", "list", "nested"},
		{"nested.parquet", "struct", "nested"},
		{"types_plain.parquet", "time", "TIME"},
	} {
		schema, err := s.Schema(t.Context(), bucket.File{Key: c.file}, bucket.ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		fields, _ := schema.FieldsByName(c.column)
		if len(fields) != 1 || fields[0].Type != arrow.Null || !strings.Contains(fields[0].Metadata.Values()[0], c.why) ||
			fields[0].Metadata.Keys()[0] != parquetsrc.Unsupported {
			t.Errorf("the schema has %v", fields)
		}
		for _, err := range s.Read(t.Context(), bucket.File{Key: c.file}, bucket.ReadOptions{Columns: []string{c.column}}) {
			if !errors.Is(err, sources.ErrUnsupported) || !strings.Contains(err.Error(), c.column) || !strings.Contains(err.Error(), c.file) {
				t.Errorf("%s: %v", c.column, err)
			}
		}
	}
	// The columns beside them are read all the same.
	_, rows, _ := collect(t, s, bucket.File{Key: "nested.parquet"}, bucket.ReadOptions{})
	if fmt.Sprint(rows) != "[[1 a] [2 b]]" {
		t.Errorf("found %v", rows)
	}
}
