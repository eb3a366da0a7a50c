package jobs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// scratch is one temporary file that holds the runs of a night, one after the other, so that they need no memory.
type scratch struct {
	mu   sync.Mutex
	file *os.File
	size int64
}

func newScratch(dir string) (*scratch, error) {
	f, err := os.CreateTemp(dir, "usagereport-*.scratch")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w; set TMPDIR to a folder that can be written to and has room", err)
	}
	// Without a name it is gone when the process is, however it ends.
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("unlink the temporary file: %w", err), f.Close())
	}
	return &scratch{file: f}, nil
}

func (s *scratch) close() error { return s.file.Close() }

// put appends data and returns where it is to be read.
func (s *scratch) put(data []byte) (*io.SectionReader, error) {
	s.mu.Lock()
	at := s.size
	s.size += int64(len(data))
	s.mu.Unlock()
	if _, err := s.file.WriteAt(data, at); err != nil {
		return nil, fmt.Errorf("write %d bytes of temporary data in %s: %w", len(data), filepath.Dir(s.file.Name()), err)
	}
	return io.NewSectionReader(s.file, at, int64(len(data))), nil
}

// copy appends what r holds and returns where it is to be read.
func (s *scratch) copy(r io.Reader) (*io.SectionReader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.size
	n, err := io.Copy(io.NewOffsetWriter(s.file, at), r)
	s.size += n
	if err != nil {
		return nil, fmt.Errorf("copy to temporary data in %s: %w", filepath.Dir(s.file.Name()), err)
	}
	return io.NewSectionReader(s.file, at, n), nil
}
