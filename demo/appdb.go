package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
)

// schema is the application's own: its names and codes are not those of the data dictionary. signins and trail have
// no primary key, since rows reach them at least once.
const schema = `
CREATE TABLE IF NOT EXISTS accounts (id TEXT PRIMARY KEY, title TEXT NOT NULL, tier TEXT);
CREATE TABLE IF NOT EXISTS people (uid TEXT PRIMARY KEY, full_name TEXT, mail TEXT);
CREATE TABLE IF NOT EXISTS memberships (
	account_id TEXT NOT NULL, uid TEXT NOT NULL, role_code TEXT NOT NULL, dept TEXT, is_active INTEGER NOT NULL,
	joined_at TEXT NOT NULL, left_at TEXT, invited_by TEXT, invited_at TEXT,
	first_signin_at TEXT, last_signin_at TEXT, first_content_at TEXT, last_content_at TEXT,
	PRIMARY KEY (account_id, uid));
CREATE TABLE IF NOT EXISTS teams (
	account_id TEXT NOT NULL, team_id TEXT PRIMARY KEY, label TEXT, access TEXT NOT NULL, made_by TEXT, made_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS team_people (account_id TEXT NOT NULL, team_id TEXT NOT NULL, uid TEXT NOT NULL, added_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS team_assets (account_id TEXT NOT NULL, team_id TEXT NOT NULL, asset_id TEXT NOT NULL, kind TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS bots (
	account_id TEXT NOT NULL, bot_id TEXT PRIMARY KEY, label TEXT, kind TEXT NOT NULL, enabled INTEGER NOT NULL,
	shared INTEGER NOT NULL, made_by TEXT, made_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS signins (id TEXT, account_id TEXT NOT NULL, uid TEXT, signed_in_at TEXT NOT NULL, arrived_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS signins_by_day ON signins (signed_in_at);
CREATE INDEX IF NOT EXISTS signins_by_arrival ON signins (arrived_at);
CREATE TABLE IF NOT EXISTS tools (tool_key TEXT PRIMARY KEY, label TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS links (
	link_id TEXT PRIMARY KEY, label TEXT, tool_a TEXT NOT NULL, tool_b TEXT NOT NULL, state TEXT NOT NULL, changed_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS link_projects (
	link_id TEXT NOT NULL, project_a TEXT NOT NULL, project_b TEXT NOT NULL, enabled INTEGER NOT NULL, changed_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS trail (
	id TEXT NOT NULL, account_id TEXT NOT NULL, noted_at TEXT NOT NULL, verb TEXT NOT NULL, by_uid TEXT, by_mail TEXT, to_uid TEXT,
	to_mail TEXT, role_before TEXT, role_after TEXT, invite TEXT, address TEXT, arrived_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS trail_by_day ON trail (noted_at);
CREATE INDEX IF NOT EXISTS trail_by_arrival ON trail (arrived_at);
`

// writeDatabase brings the database up to date: current state is written anew, logins are added, the oldest go.
func (c *Company) writeDatabase(ctx context.Context, arrived []delivery[login]) (err error) {
	path := filepath.Join(c.dir, DatabaseFile)
	if f, err := os.OpenFile(path, os.O_CREATE, 0o644); err != nil {
		return err
	} else if err := f.Close(); err != nil {
		return err
	}
	connector, err := sqlite.NewConnector(path)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	db := sql.OpenDB(connector)
	defer func() {
		if cerr := db.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("close %s: %w", path, cerr)
		}
	}()
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("make the tables of %s: %w", path, err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := c.fill(ctx, tx, arrived); err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, tx.Rollback()))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func (c *Company) fill(ctx context.Context, tx *sql.Tx, arrived []delivery[login]) error {
	for _, table := range []string{"accounts", "people", "memberships", "teams", "team_people", "team_assets", "bots", "tools", "links", "link_projects"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table); err != nil {
			return err
		}
	}
	if c.counts.Files > 0 { // not the first night
		gone, err := tx.ExecContext(ctx, "DELETE FROM signins WHERE signed_in_at < ?", c.retention().UTC().Format(clockText))
		if err != nil {
			return err
		}
		n, err := gone.RowsAffected()
		if err != nil {
			return err
		}
		c.counts.Logins -= int(n)
	}
	put := &inserter{ctx: ctx, tx: tx}
	for _, w := range c.workspaces {
		put.row("accounts", w.id, w.name, null(w.tier))
	}
	for _, p := range c.people {
		put.row("people", p.id, null(p.name), null(p.mail))
	}
	for _, m := range c.members {
		put.row("memberships", m.workspace, m.user, m.role, null(m.dept), m.active, instant(m.joined), instant(m.left),
			null(m.invitedBy), local(m.invited), instant(m.seen[0]), instant(m.seen[1]), instant(m.seen[2]), instant(m.seen[3]))
	}
	for _, t := range c.teams {
		put.row("teams", t.workspace, t.id, t.name, t.access, null(t.creator), instant(t.created))
	}
	for _, m := range c.teamPeople {
		put.row("team_people", m.workspace, m.team, m.user, instant(m.added))
	}
	for _, a := range c.teamAssets {
		put.row("team_assets", a.workspace, a.team, a.asset, a.kind)
	}
	for _, a := range c.agents {
		put.row("bots", a.workspace, a.id, a.name, a.kind, a.enabled, a.shared, null(a.creator), instant(a.created))
	}
	c.hub.fill(put)
	for _, d := range arrived {
		put.row("signins", d.row.id, d.row.workspace, null(d.row.user), d.row.at, d.at.UTC().Format(clockText))
	}
	c.trail.deliver(put)
	return put.close()
}

// inserter adds rows to tables, each table's together. The first error stays.
type inserter struct {
	ctx   context.Context //nolint:containedctx // of the one call that made it, and lives no longer than that
	tx    *sql.Tx
	table string
	stmt  *sql.Stmt
	err   error
}

func (p *inserter) row(table string, values ...any) {
	if p.err == nil && table != p.table {
		p.err = p.close()
		if p.err != nil {
			return
		}
		marks := "?"
		for range len(values) - 1 {
			marks += ", ?"
		}
		p.table = table
		p.stmt, p.err = p.tx.PrepareContext(p.ctx, "INSERT INTO "+table+" VALUES ("+marks+")")
	}
	if p.err == nil {
		_, p.err = p.stmt.ExecContext(p.ctx, values...)
	}
}

func (p *inserter) close() error {
	if p.stmt != nil {
		err := p.stmt.Close()
		p.stmt = nil
		if p.err == nil {
			p.err = err
		}
	}
	return p.err
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// instant is a time as most of the application writes it, null for none.
func instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// local is a time as the part of the application writes it that sends invitations: with the sender's offset.
func local(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.In(time.FixedZone("", 5*3600+1800)).Format(time.RFC3339)
}
