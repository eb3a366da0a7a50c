package jobs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/facts"
)

// stateVersion is raised when what state holds is made or read differently; older state is then built anew.
const stateVersion = 1

const stateIndex = "index.json"

// state is what one night hands to the next, as state/index.json says it. Everything it names is an object of its own,
// named by its content and never changed, so that the index alone decides, whenever a run is killed.
type state struct {
	Version  int                `json:"version"`
	Zone     string             `json:"time_zone"`
	RunID    string             `json:"run_id"` // the run that wrote it
	Datasets map[string]*events `json:"datasets"`
	Known    map[string]string  `json:"known"`               // per current-state dataset: the rows last seen, of today or dropped since
	History  string             `json:"history"`             // first and last days of users, from events that the sources dropped
	People   string             `json:"people,omitempty"`    // which keys are those of one user, to tell what changed
	PeopleOf string             `json:"people_of,omitempty"` // in which run
}

// events is the state of one event dataset.
type events struct {
	Fingerprint string                  `json:"fingerprint"`     // of its config: other facts need other config
	CoveredTo   calendar.Date           `json:"covered_to"`      // days before it have been read
	Started     time.Time               `json:"started"`         // of the last successful run: the next one's :changed_since
	Loose       bool                    `json:"loose,omitempty"` // its timestamps do not sort as their instants do
	Runs        []run                   `json:"runs"`
	Shared      string                  `json:"shared,omitempty"` // events that several runs hold
	Days        map[calendar.Date]int64 `json:"days"`             // distinct events per day
}

// run is a facts.Run in the state.
type run struct {
	Delivery    string     `json:"delivery"`              // the partition, day or query that it came from
	Part        int        `json:"part"`                  // a large delivery is several runs
	Fingerprint string     `json:"fingerprint,omitempty"` // of the delivery's files
	Info        facts.Info `json:"info"`
	Pack        string     `json:"pack"` // the object that holds its parts
	At          int64      `json:"at"`   // where in the pack they begin, one after the other, compressed by zstd
	Packed      int64      `json:"packed"`
	Sizes       [4]int64   `json:"sizes"` // of facts, values, ids and positions once unpacked

	fresh bool              // built tonight
	parts *io.SectionReader // all four, in scratch, once there
}

// order sorts runs by delivery and part.
func order(a, b *run) int {
	if c := strings.Compare(a.Delivery, b.Delivery); c != 0 {
		return c
	}
	return a.Part - b.Part
}

// loadState reads the state, a fresh one when there is none, or it was made by another version, or beside an error.
func loadState(ctx context.Context, l *lake.Lake, zone string) (*state, string, error) {
	fresh := &state{Version: stateVersion, Zone: zone, Datasets: map[string]*events{}, Known: map[string]string{}}
	data, err := l.State().Get(ctx, stateIndex)
	if errors.Is(err, lake.ErrNotFound) {
		return fresh, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("read the state: %w", err)
	}
	s := new(state)
	if err := json.Unmarshal(data, s); err != nil {
		return fresh, "", fmt.Errorf("read the state: %w: %s is not what a run writes: %w; run with --full to build it anew",
			lake.ErrCorrupt, lake.StateKey(stateIndex), err)
	}
	if s.Version != stateVersion {
		return fresh, fmt.Sprintf("state was written by another version (%d, this one writes %d): everything is read again", s.Version, stateVersion), nil
	}
	if s.Datasets == nil {
		s.Datasets = map[string]*events{}
	}
	if s.Known == nil {
		s.Known = map[string]string{}
	}
	if s.Zone != zone {
		note := fmt.Sprintf("the reporting zone was %s and is %s: everything is read again", s.Zone, zone)
		s.Zone = zone
		for _, e := range s.Datasets {
			e.Fingerprint = ""
		}
		return s, note, nil
	}
	return s, "", nil
}

// useless tells an error of what stands in the state from one of reaching it, which another try may not meet.
func useless(err error) bool {
	return errors.Is(err, lake.ErrNotFound) || errors.Is(err, lake.ErrCorrupt)
}

// damaged wraps an error of what an object of the state holds.
func damaged(name string, err error) error {
	return fmt.Errorf("read the state: %s: %w: %w; run with --full to build it anew", lake.StateKey(name), lake.ErrCorrupt, err)
}

// stateBlobs reads and writes the objects that the state names.
type stateBlobs struct {
	state   *lake.State
	scratch *scratch
	dry     bool // write nothing
	// What makes a read again that may pass; nil: nothing does.
	retry func(ctx context.Context, operation string, try func(context.Context) error) error

	mu    sync.Mutex
	packs map[string]*io.SectionReader // in scratch
}

func (b *stateBlobs) put(ctx context.Context, name string, data []byte) error {
	if b.dry {
		return nil
	}
	if err := b.state.Put(ctx, name, "application/octet-stream", data); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}

// putNamed stores data under a name of its content below folder.
func (b *stateBlobs) putNamed(ctx context.Context, folder string, data []byte) (string, error) {
	sum := sha256.Sum256(data)
	name := named(folder, sum[:])
	return name, b.put(ctx, name, data)
}

// again makes a read, and once more as retry says.
func (b *stateBlobs) again(ctx context.Context, try func(context.Context) error) error {
	if b.retry == nil {
		return try(ctx)
	}
	return b.retry(ctx, "read the state", try)
}

// getNamed reads what putNamed stored.
func (b *stateBlobs) getNamed(ctx context.Context, name string) ([]byte, error) {
	var data []byte
	err := b.again(ctx, func(ctx context.Context) (err error) {
		data, err = b.state.Get(ctx, name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the state: %w; run with --full to build it anew", err)
	}
	sum := sha256.Sum256(data)
	return data, checkName(name, sum[:])
}

// named is the name of an object of the state whose content has the given SHA-256.
func named(folder string, sum []byte) string { return folder + "/" + hex.EncodeToString(sum[:16]) }

// checkName makes sure that an object of the state holds what it did when it was named.
func checkName(name string, sum []byte) error {
	if folder := path.Dir(name); named(folder, sum) != name {
		return damaged(name, errors.New("its content is not what was written"))
	}
	return nil
}

// putRecord stores an Arrow record as an IPC file.
func (b *stateBlobs) putRecord(ctx context.Context, folder string, rec arrow.Record) (string, error) {
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(rec.Schema()), ipc.WithZstd())
	if err := errors.Join(w.Write(rec), w.Close()); err != nil {
		return "", fmt.Errorf("encode %s for the state: %w", folder, err)
	}
	return b.putNamed(ctx, folder, out.Bytes())
}

// record reads what putRecord stored; the caller releases it.
func (b *stateBlobs) record(ctx context.Context, mem memory.Allocator, name string) (arrow.Record, error) {
	data, err := b.getNamed(ctx, name)
	if err != nil {
		return nil, err
	}
	r, err := ipc.NewReader(bytes.NewReader(data), ipc.WithAllocator(mem))
	if err != nil {
		return nil, damaged(name, err)
	}
	defer r.Release()
	if !r.Next() {
		return nil, damaged(name, fmt.Errorf("no record batch: %w", r.Err()))
	}
	rec := r.Record()
	rec.Retain()
	return rec, nil
}

// save makes s the state and removes what it does not name.
func (b *stateBlobs) save(ctx context.Context, s *state) error {
	if err := b.write(ctx, s); err != nil {
		return err
	}
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode the state: %w", err)
	}
	if err := b.put(ctx, stateIndex, data); err != nil || b.dry {
		return err
	}
	named := map[string]bool{stateIndex: true, s.History: true, s.People: true}
	for _, name := range s.Known {
		named[name] = true
	}
	for _, e := range s.Datasets {
		named[e.Shared] = true
		for _, r := range e.Runs {
			named[r.Pack] = true
		}
	}
	have, err := b.state.List(ctx, "")
	if err != nil {
		return fmt.Errorf("list the state: %w", err)
	}
	for _, o := range have {
		if !named[o.Name] {
			if err := b.state.Delete(ctx, o.Name); err != nil {
				return fmt.Errorf("remove what the state no longer needs: %w", err)
			}
		}
	}
	return nil
}

// occurrenceSize is the size of an encoded facts.Occurrence.
const occurrenceSize = 24

func encodeShared(all []facts.Occurrence) []byte {
	out := make([]byte, 0, occurrenceSize*len(all))
	for _, o := range all {
		out = binary.LittleEndian.AppendUint64(out, o.Hash)
		out = binary.LittleEndian.AppendUint32(out, uint32(o.Run))
		out = binary.LittleEndian.AppendUint32(out, o.Pos)
		out = binary.LittleEndian.AppendUint64(out, uint64(o.N))
	}
	return out
}

func decodeShared(data []byte, runs int) ([]facts.Occurrence, error) {
	if len(data)%occurrenceSize != 0 {
		return nil, fmt.Errorf("%d bytes, want a multiple of %d", len(data), occurrenceSize)
	}
	all := make([]facts.Occurrence, 0, len(data)/occurrenceSize)
	for b := range slices.Chunk(data, occurrenceSize) {
		o := facts.Occurrence{
			Hash: binary.LittleEndian.Uint64(b), Run: int(binary.LittleEndian.Uint32(b[8:])),
			Pos: binary.LittleEndian.Uint32(b[12:]), N: int64(binary.LittleEndian.Uint64(b[16:])),
		}
		if o.Run >= runs {
			return nil, fmt.Errorf("names run %d of %d", o.Run, runs)
		}
		all = append(all, o)
	}
	return all, nil
}
