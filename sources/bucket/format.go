package bucket

import (
	"fmt"
	"path"
	"strings"

	"github.com/usagereport/usagereport/sources"
)

// Formats that files can have.
const (
	Parquet = "parquet"
	CSV     = "csv"
	JSONL   = "jsonl"
)

// formatOf returns the format of a file: the one asked for, else the one its name says.
func formatOf(key, asked string) (string, error) {
	switch asked {
	case Parquet, CSV, JSONL:
		return asked, nil
	case "":
	default:
		return "", fmt.Errorf("%w: format %q of %s: use parquet, csv or jsonl", sources.ErrUnsupported, asked, key)
	}
	name := strings.ToLower(path.Base(key))
	for _, packed := range [...]string{".gz", ".gzip", ".zst", ".zstd"} {
		if inner, ok := strings.CutSuffix(name, packed); ok {
			name = inner
			break
		}
	}
	switch path.Ext(name) {
	case ".parquet", ".parq", ".pq":
		return Parquet, nil
	case ".csv":
		return CSV, nil
	case ".jsonl", ".ndjson", ".json":
		return JSONL, nil
	}
	return "", fmt.Errorf("%w: the name of %s does not tell its format: say format: parquet, csv or jsonl", sources.ErrUnsupported, key)
}

// packedName returns the compression that a file's name promises, empty when it promises none.
func packedName(key string) string {
	switch strings.ToLower(path.Ext(key)) {
	case ".gz", ".gzip":
		return "gzip"
	case ".zst", ".zstd":
		return "zstd"
	}
	return ""
}
