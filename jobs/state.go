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
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/klauspost/compress/zstd"

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
	Known    map[string]string  `json:"known"`   // per current-state dataset: the rows last seen, of today or dropped since
	History  string             `json:"history"` // first and last days of users, from events that the sources dropped
}

// events is the state of one event dataset.
type events struct {
	Fingerprint string                  `json:"fingerprint"` // of its config: other facts need other config
	CoveredTo   calendar.Date           `json:"covered_to"`  // days before it have been read
	Started     time.Time               `json:"started"`     // of the last successful run: the next one's :changed_since
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

	mu    sync.Mutex
	packs map[string]*io.SectionReader // in scratch
}

// The parts of a run, in the order in which a pack has them.
const (
	partFacts = iota
	partValues
	partIDs
	partPos
)

// part returns a part of a run. The pack that holds it is brought into scratch, whole, when it is first needed.
func (b *stateBlobs) part(ctx context.Context, r *run, part int) (*io.SectionReader, error) {
	if err := b.fetch(ctx, r); err != nil {
		return nil, err
	}
	at := int64(0)
	for _, n := range r.Sizes[:part] {
		at += n
	}
	return io.NewSectionReader(r.parts, at, r.Sizes[part]), nil
}

// fetch brings a run into scratch, unpacked.
func (b *stateBlobs) fetch(ctx context.Context, r *run) error {
	if r.parts != nil {
		return nil
	}
	pack, err := b.pack(ctx, r.Pack)
	if err != nil {
		return err
	}
	if r.At < 0 || r.Packed < 0 || r.At+r.Packed > pack.Size() {
		return damaged(r.Pack, fmt.Errorf("it has %d bytes, those from %d to %d are wanted", pack.Size(), r.At, r.At+r.Packed))
	}
	packed := make([]byte, r.Packed)
	if _, err := pack.ReadAt(packed, r.At); err != nil && !errors.Is(err, io.EOF) {
		return damaged(r.Pack, err)
	}
	data, err := unpacker.DecodeAll(packed, nil)
	if err != nil {
		return damaged(r.Pack, err)
	}
	var size int64
	for _, n := range r.Sizes {
		size += n
	}
	if int64(len(data)) != size {
		return damaged(r.Pack, fmt.Errorf("a run of it unpacks to %d bytes, expected %d", len(data), size))
	}
	r.parts, err = b.scratch.put(data)
	return err
}

func (b *stateBlobs) pack(ctx context.Context, name string) (_ *io.SectionReader, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.packs[name]; p != nil {
		return p, nil
	}
	from, err := b.state.Open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read the state: %w; run with --full to build it anew", err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	p, err := b.scratch.copy(from)
	if err != nil {
		return nil, fmt.Errorf("read %s of the state: %w", name, err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(p, 0, p.Size())); err != nil {
		return nil, fmt.Errorf("read temporary data: %w", err)
	}
	if err := checkName(name, sum.Sum(nil)); err != nil {
		return nil, err
	}
	b.packs[name] = p
	return p, nil
}

func (b *stateBlobs) ids(ctx context.Context, r *run) (*facts.IDs, error) {
	hashes, err := b.part(ctx, r, partIDs)
	if err != nil {
		return nil, err
	}
	return facts.OpenIDs(hashes, func() (io.ReaderAt, int64, error) {
		pos, err := b.part(ctx, r, partPos)
		if err != nil {
			return nil, 0, err
		}
		return pos, pos.Size(), nil
	})
}

// keep puts a run built tonight into scratch.
func (b *stateBlobs) keep(r *run, built *facts.Run) (err error) {
	parts := [][]byte{built.Facts, built.Values, built.IDs, built.Pos}
	for i, p := range parts {
		r.Sizes[i] = int64(len(p))
	}
	r.parts, err = b.scratch.put(bytes.Join(parts, nil))
	return err
}

// Packing and unpacking of runs; both are safe for concurrent use.
var (
	packer, _   = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest)) // it fails only for wrong options
	unpacker, _ = zstd.NewReader(nil)
)

// maxPacks is how many packs runs may be spread over before they are written into one again.
const maxPacks = 16

// write puts the runs that are in no pack yet into one; all of them, when they are spread over too many.
// The pack is named by its content: a name that came back, as with a clock that stands still, would replace a pack that
// the index still names.
func (b *stateBlobs) write(ctx context.Context, s *state) (err error) {
	packs, anew := map[string]bool{}, []*run{}
	names := slices.Sorted(maps.Keys(s.Datasets))
	for _, dataset := range names {
		for _, r := range s.Datasets[dataset].runs() {
			if r.Pack != "" {
				packs[r.Pack] = true
			} else {
				anew = append(anew, r)
			}
		}
	}
	if len(packs) >= maxPacks {
		anew = anew[:0]
		for _, dataset := range names {
			anew = append(anew, s.Datasets[dataset].runs()...)
		}
	}
	if len(anew) == 0 || b.dry {
		return nil
	}
	slices.SortStableFunc(anew, order)
	packed, err := b.packAll(ctx, anew)
	if err != nil {
		return err
	}
	sum := sha256.New()
	for _, p := range packed {
		if _, err := io.Copy(sum, io.NewSectionReader(p, 0, p.Size())); err != nil {
			return fmt.Errorf("read temporary data: %w", err)
		}
	}
	name := named("packs", sum.Sum(nil))
	w, err := b.state.Create(ctx, name, "application/octet-stream")
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	defer w.Abort()
	var at int64
	for i, r := range anew {
		n, err := io.Copy(w, packed[i])
		if err != nil {
			return fmt.Errorf("write the state: %w", err)
		}
		r.Pack, r.At, r.Packed = name, at, n
		at += n
	}
	if err := w.Commit(); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}

// packAll returns the runs packed, in scratch.
func (b *stateBlobs) packAll(ctx context.Context, runs []*run) ([]*io.SectionReader, error) {
	packed := make([]*io.SectionReader, len(runs))
	places := make([]int, len(runs))
	for i := range places {
		places[i] = i
	}
	return packed, parallel(ctx, places, func(ctx context.Context, i int) error {
		if err := b.fetch(ctx, runs[i]); err != nil {
			return err
		}
		data := make([]byte, runs[i].parts.Size())
		if _, err := runs[i].parts.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read temporary data: %w", err)
		}
		var err error
		packed[i], err = b.scratch.put(packer.EncodeAll(data, nil))
		return err
	})
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

// getNamed reads what putNamed stored.
func (b *stateBlobs) getNamed(ctx context.Context, name string) ([]byte, error) {
	data, err := b.state.Get(ctx, name)
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
	named := map[string]bool{stateIndex: true, s.History: true}
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
