package usage

import (
	"iter"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/facts"
)

// Totals is what an event log was made of, for the checks (contract §9).
type Totals struct {
	Facts   int64 // events in the daily facts of the window, before grouping
	NoUser  int64 // rows whose user today's members do not hold
	NoAgent int64 // rows whose agent today's agents do not hold
}

// GenerationLog yields the Generation Log of the rolling year from the merged facts of generations, sorted by its grain;
// on the way it notes in seen the first and last day of each user over all history before the run date, and in totals
// what went in and which rows join nothing of today. An event with an agent and no agent type takes the agent's own type, so groups may join here. The
// consumer releases each record.
func GenerationLog(run Run, today Today, known Known, gens *facts.Merger, seen *Activity, totals *Totals) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		l := newGenerationLog(run, today, known, gens)
		defer l.release()
		window := run.Window()
		users := newUserSpans(len(gens.Values(genUser)))
		flush := func(workspace string) {
			users.flush(workspace, gens.Values(genUser), seen, func(d *userDays, s span) { d.generations = s })
		}
		for block, err := range gens.Blocks() {
			if err != nil {
				yield(nil, err)
				return
			}
			if l.by.enter(block.Workspace) {
				flush(l.by.previous)
			}
			if block.Day >= run.Date {
				continue
			}
			for _, c := range block.Cols[genUser] {
				users.add(c, block.Day)
			}
			if !window.Contains(block.Day) {
				continue
			}
			for _, n := range block.Count {
				totals.Facts += n
			}
			l.agentTypes(&block)
			l.group.group(&block)
			totals.NoUser += l.users.missing(block.Cols[genUser])
			totals.NoAgent += l.agents.missing(block.Cols[genAgent])
			if !yield(l.record(&block), nil) {
				return
			}
		}
		flush(l.by.name)
	}
}

type generationLog struct {
	gens   *facts.Merger
	by     *byWorkspace
	group  *grouper
	dicts  [genKeys]*array.String
	time   *array.String
	member *lookup
	canvas *lookup
	grid   *lookup
	agent  *lookup
	users  *lookup // of today
	agents *lookup // of today

	// Agent types: those of the facts, then those that only agents have, in one sorted dictionary.
	types     *array.String
	typeRank  []uint32 // from the facts' code
	agentType []uint32 // per agent code of the workspace, 0 none
}

func newGenerationLog(run Run, today Today, known Known, gens *facts.Merger) *generationLog {
	l := &generationLog{gens: gens, time: dictionaryOf(run.Mem, []string{run.Time.UTC().Format(time.RFC3339)})}
	find := func(k int) func(string) uint32 { return func(v string) uint32 { return gens.Code(k, v) } }
	for k := range genKeys {
		l.dicts[k] = dictionaryOf(run.Mem, gens.Values(k))
	}
	l.member = newLookup(known.Members, "user_id", l.dicts[genUser].Len(), find(genUser))
	l.canvas = newLookup(known.Canvases, "canvas_id", l.dicts[genCanvas].Len(), find(genCanvas))
	l.grid = newLookup(known.Grids, "grid_id", l.dicts[genGrid].Len(), find(genGrid))
	l.agent = newLookup(known.Agents, "agent_id", l.dicts[genAgent].Len(), find(genAgent))
	l.users = newLookup(today.Members, "user_id", l.dicts[genUser].Len(), find(genUser))
	l.agents = newLookup(today.Agents, "agent_id", l.dicts[genAgent].Len(), find(genAgent))
	types := unite(gens.Values(genAgentType), known.Agents.Column("agent_type").(*array.String))
	l.types = dictionaryOf(run.Mem, types)
	l.typeRank = make([]uint32, l.dicts[genAgentType].Len()+1)
	for i, v := range gens.Values(genAgentType) {
		l.typeRank[i+1] = rankOf(types, v)
	}
	l.agentType = make([]uint32, l.dicts[genAgent].Len()+1)
	l.by = newByWorkspace(run.Mem, known, gens, func(workspace string) {
		for _, at := range []*lookup{l.member, l.canvas, l.grid, l.agent, l.users, l.agents} {
			at.enter(workspace)
		}
		clear(l.agentType)
		for _, c := range l.agent.set {
			if v, ok := known.Agents.Text("agent_type", l.agent.from+int(l.agent.row[c])-1); ok {
				l.agentType[c] = rankOf(types, v)
			}
		}
	})
	sizes := make([]int, genKeys)
	for k, d := range l.dicts {
		sizes[k] = d.Len()
	}
	sizes[genAgentType] = l.types.Len()
	l.group = newGrouper(sizes)
	return l
}

func (l *generationLog) release() {
	for _, d := range l.dicts {
		d.Release()
	}
	l.time.Release()
	l.types.Release()
	l.by.release()
}

// agentTypes turns the facts' codes of agent types into those of l.types, and fills in what agents know.
func (l *generationLog) agentTypes(b *facts.Block) {
	types, agents := b.Cols[genAgentType], b.Cols[genAgent]
	for i, c := range types {
		if c == 0 {
			types[i] = l.agentType[agents[i]]
		} else {
			types[i] = l.typeRank[c]
		}
	}
}

func (l *generationLog) record(b *facts.Block) arrow.Record {
	n := len(b.Count)
	col := func(k int) arrow.Array { return coded(b.Cols[k], l.dicts[k]) }
	users, canvases, grids, agents := b.Cols[genUser], b.Cols[genCanvas], b.Cols[genGrid], b.Cols[genAgent]
	cols := []arrow.Array{
		constant(1, n, l.time),
		l.by.id(n), l.by.title(n),
		col(genUser), l.member.column("user_name", users), l.member.column("user_email", users),
		constantDate(b.Day, n),
		col(genCanvas), l.canvas.column("canvas_name", canvases),
		col(genGrid), l.grid.column("grid_name", grids),
		col(genType), col(genFeature), col(genEndpoint),
		coded(b.Cols[genAgentType], l.types), col(genAgent), l.agent.column("agent_name", agents),
		l.iq(b.Cols[genIQ]), integers(b.Count),
	}
	return record(dictionary.GenerationLog, cols, n)
}

// iq turns the codes of used_iq, whose dictionary holds false and true, into booleans.
func (l *generationLog) iq(codes []uint32) arrow.Array {
	yes := l.gens.Code(genIQ, "true")
	bits := make([]byte, (len(codes)+7)/8)
	for i, c := range codes {
		if c == yes && c > 0 {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	data := array.NewData(arrow.FixedWidthTypes.Boolean, len(codes), []*memory.Buffer{nil, memory.NewBufferBytes(bits)}, nil, 0, 0)
	defer data.Release()
	return array.NewBooleanData(data)
}

func integers(v []int64) arrow.Array {
	data := array.NewData(arrow.PrimitiveTypes.Int64, len(v),
		[]*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(v))}, nil, 0, 0)
	defer data.Release()
	return array.NewInt64Data(data)
}
