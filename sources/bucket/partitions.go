package bucket

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zeebo/xxh3"
	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/internal/silence"
	"github.com/usagereport/usagereport/sources"
)

// File is an object of the bucket.
type File struct {
	Key     string
	Size    int64     // bytes, as they are stored
	ModTime time.Time // when it was last written
	// Fingerprint changes when the content does: size and MD5 where the service computes one on every write, else
	// size and ModTime.
	Fingerprint string
}

// Partition is what was delivered together.
type Partition struct {
	Name        string    // the date, 2026-11-20, where the pattern has one, else the file's key
	Date        time.Time // midnight UTC of that date; zero where the pattern has none
	Files       []File    // sorted by key, never empty
	Fingerprint string    // changes when a file is added, removed or changed
}

// Partitions lists the files whose keys match a pattern, by partition, sorted by name. In a pattern {date} stands for
// a day written 2026-11-20, {yyyy}, {mm} and {dd} for its parts, * for any characters but a slash, ? for one of
// them, ** for any characters.
//
// A key that matches but for a date that is none, such as dt=2026-13-45, is an error wrapping sources.ErrUnreadable:
// skipping it would lose its rows. Folder markers (keys that end in a slash) are passed over. A pattern that matches
// nothing is no error.
func (s *Source) Partitions(ctx context.Context, pattern string) ([]Partition, error) {
	p, err := parsePattern(pattern)
	if err != nil {
		return nil, err
	}
	var objects []*blob.ListObject
	err = s.retry(ctx, func(ctx context.Context) error {
		objects = nil
		for list := s.bucket.List(&blob.ListOptions{Prefix: p.prefix()}); ; {
			var obj *blob.ListObject
			err := silence.Do(ctx, s.opts.Silence, func(ctx context.Context) (err error) {
				obj, err = list.Next(ctx)
				return err
			})
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return s.wrap("list "+pattern+" in", "", err)
			}
			objects = append(objects, obj)
		}
	})
	if err != nil {
		return nil, err
	}
	byName := map[string]*Partition{}
	var bad []string
	for _, obj := range objects {
		tokens, ok := p.match(obj.Key)
		if !ok || obj.IsDir || strings.HasSuffix(obj.Key, "/") {
			continue
		}
		part := Partition{Name: obj.Key}
		if p.dated {
			if part.Date, err = p.date(tokens); err != nil {
				bad = append(bad, fmt.Sprintf("%s: %v", obj.Key, err))
				continue
			}
			part.Name = part.Date.Format(time.DateOnly)
		}
		if byName[part.Name] == nil {
			byName[part.Name] = &part
		}
		byName[part.Name].Files = append(byName[part.Name].Files, fileOf(obj))
	}
	if len(bad) > 0 {
		return nil, fmt.Errorf("%w: %s: %d files match %s but for their date: rename or remove them: %s",
			sources.ErrUnreadable, s.name, len(bad), pattern, strings.Join(bad[:min(len(bad), 10)], "; "))
	}
	partitions := make([]Partition, 0, len(byName))
	for _, part := range byName {
		slices.SortFunc(part.Files, func(a, b File) int { return cmp.Compare(a.Key, b.Key) })
		part.Fingerprint = fingerprint(part.Files)
		partitions = append(partitions, *part)
	}
	slices.SortFunc(partitions, func(a, b Partition) int { return cmp.Compare(a.Name, b.Name) })
	return partitions, nil
}

func fileOf(obj *blob.ListObject) File {
	f := File{Key: obj.Key, Size: obj.Size, ModTime: obj.ModTime}
	size := strconv.FormatInt(obj.Size, 10)
	// In a directory the MD5 is the one that Go CDK noted when it wrote the file. Other programs write there too.
	var info os.FileInfo
	if len(obj.MD5) > 0 && !obj.As(&info) {
		f.Fingerprint = size + "-" + hex.EncodeToString(obj.MD5)
	} else {
		f.Fingerprint = size + "@" + obj.ModTime.UTC().Format(time.RFC3339Nano)
	}
	return f
}

func fingerprint(files []File) string {
	h := xxh3.New()
	for _, f := range files {
		for _, text := range []string{f.Key, f.Fingerprint} {
			_, _ = h.WriteString(strconv.Itoa(len(text)) + ":" + text) // a hash does not fail
		}
	}
	sum := h.Sum128().Bytes()
	return hex.EncodeToString(sum[:])
}
