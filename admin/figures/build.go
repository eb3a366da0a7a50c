package figures

import (
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/usagereport/usagereport/dictionary"
)

// The columns that a cube is built from, of each log. Builders take records of exactly these.
var (
	userLogColumns    = []string{"workspace_id", "workspace_name", "user_id", "user_name", "user_email", "user_active"}
	agentsLogColumns  = []string{"agent_id", "agent_name", "agent_type"}
	loginColumns      = []string{"workspace_id", "workspace_name", "user_login_date", "user_id", "user_name", "user_email"}
	generationColumns = []string{"workspace_id", "workspace_name", "content_created_date", "user_id", "user_name", "user_email",
		"generation_feature", "generation_agent_type", "agent_id", "generation_agent_name", "generation_used_iq", "content_generations"}
)

// builder builds a cube from the records of the logs, whose rows are sorted as published. Each log is added whole before the
// next one; User Log and Agents Log first, since today's names are theirs. It keeps no record.
type builder struct {
	cube  *cube
	most  int64 // bytes that the cube may take
	coder map[string]*coder

	// The block of one workspace and day that generations are being added up for.
	at        place
	features  sums
	users, iq sums
	agents    sums

	loginsAt place // of the last login
	seatsAt  int32 // the workspace of the last row of the User Log
}

// place is a day of a workspace.
type place struct {
	workspace int32
	day       int
}

var nowhere = place{workspace: null, day: -1}

func newBuilder(c *cube, most int64) *builder {
	return &builder{cube: c, most: most, at: nowhere, loginsAt: nowhere, seatsAt: null, coder: map[string]*coder{
		"workspace_id": {names: c.ids}, "user_id": {names: c.users.ids}, "agent_id": {names: c.agents},
		"generation_feature": {names: c.feature},
	}}
}

// columns are the columns of a record, by the lists above.
type columns struct {
	rec arrow.Record
	log *dictionary.Table
}

func (c columns) of(name string) arrow.Array {
	for i := range int(c.rec.NumCols()) {
		if c.rec.ColumnName(i) == name {
			return c.rec.Column(i)
		}
	}
	return nil
}

func column[T arrow.Array](c columns, name string) (T, error) {
	col, ok := c.of(name).(T)
	if !ok {
		return col, fmt.Errorf("%s.%s is %T, expected %T", c.log.Name, name, c.of(name), col)
	}
	return col, nil
}

// codes returns the codes of a column of ids, null where there is none.
func (b *builder) codes(c columns, name string) ([]int32, error) {
	codes, err := b.coder[name].codes(c.of(name))
	if err != nil {
		return nil, fmt.Errorf("%s.%s: %w", c.log.Name, name, err)
	}
	return codes, nil
}

// workspaces returns the codes of the rows' workspaces and notes their names.
func (b *builder) workspaces(c columns) ([]int32, error) {
	codes, err := b.codes(c, "workspace_id")
	if err != nil {
		return nil, err
	}
	all := &b.cube.workspaces
	for len(*all) < len(b.cube.ids.list) {
		*all = append(*all, workspace{})
	}
	name := c.of("workspace_name")
	last := int32(null)
	for i, w := range codes {
		if w == null {
			return nil, fmt.Errorf("%s.workspace_id is null", c.log.Name)
		}
		if w != last {
			fill(&(*all)[w].name, name, i)
			last = w
		}
	}
	return codes, nil
}

// fill sets a text that is not known yet from a row of a column.
func fill(text *string, col arrow.Array, row int) {
	if *text == "" {
		if v, ok := textAt(col, row); ok && v != "" {
			*text = strings.Clone(v)
		}
	}
}

// people returns the codes of the rows' users, nobody where there is none, and notes their names.
func (b *builder) people(c columns) ([]int32, error) {
	codes, err := b.codes(c, "user_id")
	if err != nil {
		return nil, err
	}
	p := &b.cube.users
	p.grow()
	name, email := c.of("user_name"), c.of("user_email")
	for i, u := range codes {
		if u == null {
			codes[i] = nobody
			continue
		}
		if p.name[u] == "" || p.email[u] == "" {
			fill(&p.name[u], name, i)
			fill(&p.email[u], email, i)
		}
	}
	return codes, nil
}

// open returns the columns of a record of a log, with the codes of its rows' workspaces and users.
func (b *builder) open(rec arrow.Record, log *dictionary.Table) (c columns, workspaces, users []int32, err error) {
	c = columns{rec, log}
	if workspaces, err = b.workspaces(c); err != nil {
		return c, nil, nil, err
	}
	users, err = b.people(c)
	return c, workspaces, users, err
}

// userLog adds rows of the User Log.
func (b *builder) userLog(rec arrow.Record) error {
	c, workspaces, users, err := b.open(rec, dictionary.UserLog)
	if err != nil {
		return err
	}
	active, err := column[*array.Boolean](c, "user_active")
	if err != nil {
		return err
	}
	for i, w := range workspaces {
		at := &b.cube.workspaces[w]
		if w != b.seatsAt {
			if at.seat.hi > 0 {
				return fmt.Errorf("%s is not sorted by workspace", c.log.Name)
			}
			at.seat = span{len(b.cube.seats), len(b.cube.seats)}
			b.seatsAt = w
		}
		b.cube.seats = append(b.cube.seats, seat{user: users[i], active: active.Value(i)})
		at.seat.hi++
		if active.Value(i) {
			at.licences++
		}
	}
	return b.check()
}

// agentsLog adds rows of the Agents Log.
func (b *builder) agentsLog(rec arrow.Record) error {
	c := columns{rec, dictionary.AgentsLog}
	return b.noteAgents(c, "agent_name", "agent_type")
}

// noteAgents notes names and types of the rows' agents.
func (b *builder) noteAgents(c columns, name, kind string) error {
	codes, err := b.codes(c, "agent_id")
	if err != nil {
		return err
	}
	all := &b.cube.agent
	for len(*all) < len(b.cube.agents.list) {
		*all = append(*all, agentInfo{})
	}
	names, kinds := c.of(name), c.of(kind)
	for i, a := range codes {
		if a == null {
			continue
		}
		if info := &(*all)[a]; info.name == "" || info.kind == "" {
			fill(&info.name, names, i)
			fill(&info.kind, kinds, i)
		}
	}
	return nil
}

// loginLog adds rows of the User Activity Log.
func (b *builder) loginLog(rec arrow.Record) error {
	c, workspaces, users, err := b.open(rec, dictionary.UserActivityLog)
	if err != nil {
		return err
	}
	dates, err := column[*array.Date32](c, "user_login_date")
	if err != nil {
		return err
	}
	t := &b.cube.logins
	for i, w := range workspaces {
		day, err := b.cube.day(int(dates.Value(i)))
		if err != nil {
			return fmt.Errorf("%s: %w", c.log.Name, err)
		}
		s := &b.cube.workspaces[w].logins
		if err := b.loginsAt.moveTo(place{w, day}, s, len(t.user)); err != nil {
			return fmt.Errorf("%s: %w", c.log.Name, err)
		}
		t.day, t.user = append(t.day, uint16(day)), append(t.user, users[i])
		s.hi++
	}
	return b.check()
}

// moveTo goes on to the place of the next row, where rows rows stand before it, and begins the workspace's span.
func (p *place) moveTo(next place, s *span, rows int) error {
	if next.workspace != p.workspace {
		if s.hi > 0 {
			return errors.New("it is not sorted by workspace")
		}
		*s = span{rows, rows}
	} else if next.day < p.day {
		return errors.New("it is not sorted by day")
	}
	*p = next
	return nil
}

// check says whether the cube has grown too large.
func (b *builder) check() error {
	if n := b.cube.bytes(); n > b.most {
		return fmt.Errorf("%w: the usage figures take more than %d MiB, %d MiB so far", ErrTooLarge, b.most>>20, n>>20)
	}
	return nil
}
