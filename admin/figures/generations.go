package figures

import (
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/usagereport/usagereport/dictionary"
)

// generationLog adds rows of the Generation Log. After the last ones the block that is open is ended with endBlock.
func (b *builder) generationLog(rec arrow.Record) error {
	c, workspaces, users, err := b.open(rec, dictionary.GenerationLog)
	if err != nil {
		return err
	}
	if err := b.noteAgents(c, "generation_agent_name", "generation_agent_type"); err != nil {
		return err
	}
	agents := b.coder["agent_id"].out
	features, err := b.codes(c, "generation_feature")
	if err != nil {
		return err
	}
	dates, err := column[*array.Date32](c, "content_created_date")
	if err != nil {
		return err
	}
	iq, err := column[*array.Boolean](c, "generation_used_iq")
	if err != nil {
		return err
	}
	n, err := column[*array.Int64](c, "content_generations")
	if err != nil {
		return err
	}
	b.features.grow(2 * len(b.cube.feature.list))
	b.users.grow(len(b.cube.users.ids.list))
	b.iq.grow(len(b.cube.users.ids.list))
	b.agents.grow(len(b.cube.agents.list))
	if 2*len(b.cube.feature.list) > math.MaxUint16 {
		return fmt.Errorf("%s has %d features", c.log.Name, len(b.cube.feature.list))
	}
	for i, w := range workspaces {
		day, err := b.cube.day(int(dates.Value(i)))
		if err != nil {
			return fmt.Errorf("%s: %w", c.log.Name, err)
		}
		if next := (place{w, day}); next != b.at {
			b.endBlock()
			if err := b.begin(next); err != nil {
				return fmt.Errorf("%s: %w", c.log.Name, err)
			}
		}
		if features[i] == null {
			return fmt.Errorf("%s.generation_feature is null", c.log.Name)
		}
		v, feature := n.Value(i), 2*features[i]
		if iq.Value(i) {
			feature++
			b.iq.add(users[i], v)
		}
		b.features.add(feature, v)
		b.users.add(users[i], v)
		if agents[i] != null {
			b.agents.add(agents[i], v)
		}
	}
	return b.check()
}

// begin begins the block of a day of a workspace.
func (b *builder) begin(next place) error {
	w := &b.cube.workspaces[next.workspace]
	if err := b.at.moveTo(next, &w.features, len(b.cube.byFeature.day)); err != nil {
		return err
	}
	if w.features.hi == w.features.lo { // its first day
		w.users = span{len(b.cube.byUser.day), len(b.cube.byUser.day)}
		w.agents = span{len(b.cube.byAgent.day), len(b.cube.byAgent.day)}
	}
	return nil
}

// endBlock moves the sums of the block into the cube.
func (b *builder) endBlock() {
	if b.at == nowhere {
		return
	}
	w, day := &b.cube.workspaces[b.at.workspace], uint16(b.at.day)
	f := &b.cube.byFeature
	b.features.drain(func(code int32, total int64) {
		f.day, f.feature = append(f.day, day), append(f.feature, uint16(code))
		f.generations.add(total)
	})
	w.features.hi = len(f.day)
	u := &b.cube.byUser
	b.users.drain(func(code int32, total int64) {
		if total == 0 && b.iq.total[code] == 0 {
			return // rows that count nothing make nobody active
		}
		u.day, u.user = append(u.day, day), append(u.user, code)
		u.generations.add(total)
		u.iq.add(b.iq.total[code])
	})
	b.iq.drain(func(int32, int64) {})
	w.users.hi = len(u.day)
	a := &b.cube.byAgent
	b.agents.drain(func(code int32, total int64) {
		a.day, a.agent = append(a.day, day), append(a.agent, code)
		a.generations.add(total)
	})
	w.agents.hi = len(a.day)
}
