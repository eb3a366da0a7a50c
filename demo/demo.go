// Package demo makes the source systems of a company that does not exist: an SQLite database, a bucket of event files
// and a config that binds them, so that the nightly run can be seen at work without a server. It never reads a clock,
// never publishes anything, and the same options give the same files.
package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// The names of what Write makes in the folder.
const (
	ConfigFile    = "usagereport.yaml"
	DatabaseFile  = "app.db"
	EventsDir     = "events"
	OverridesFile = "identity-overrides.yaml"
)

// Zone is the reporting zone of the config that Write makes. It is not UTC, so that a mistake with zones shows.
const Zone = "America/New_York"

const historyMonths = 14

//go:embed usagereport.yaml
var configText []byte

//go:embed identity-overrides.yaml
var overridesText []byte

// Options says what to make, and where.
type Options struct {
	Dir  string // is made if it does not exist; must hold no earlier demo
	Date string // run date of the first night, "2006-01-02"
	Seed uint64 // another seed, another company
}

// Company is the company as its own systems know it. It is for one goroutine.
type Company struct {
	dice
	dir   string
	zone  *time.Location
	night time.Time // midnight in the zone that begins the run date
	now   time.Time // until when everything that arrived is delivered

	workspaces []workspace
	people     []person
	members    []*member
	teams      []team
	teamPeople []teamMember
	teamAssets []teamAsset
	agents     []agent
	canvases   []place
	grids      []place

	logins      []delivery[login]      // that have not arrived yet
	generations []delivery[generation] // that have not arrived yet
	parts       map[string]*partition  // of the event files, by day of delivery
	hub         *hub
	trail       *trail
	counts      Counts
	news        []string
}

// Counts says how much the source systems hold, and how much of it is wrong on purpose.
type Counts struct {
	Workspaces, Users, Members, Groups, Agents int
	Logins, Generations                        int // rows delivered, those below included
	Duplicates                                 int // rows that repeat an event delivered before, or with it
	Late                                       int // rows that arrived a day or more after their event
	Broken                                     int // rows that nothing can be made of
	Files                                      int // in the bucket, the hub's included
	Hub                                        HubCounts
	Trail                                      TrailCounts
}

// HubCounts says the same of the integration domain: the connected systems, what was synchronised and who was seen.
type HubCounts struct {
	Systems, Integrations, ProjectPairs int
	Syncs, Sightings                    int // rows delivered, those below included
	People, Identities                  int // seen until the first night; an identity is an email, a username and a display name
	Duplicates, Late, Broken            int // as in Counts
}

// Write makes the source systems as they are on the first night, and the config beside them. It refuses a folder that
// already holds a demo, and leaves a half-made one behind when it fails.
func Write(ctx context.Context, o Options) (*Company, error) {
	zone, err := time.LoadLocation(Zone)
	if err != nil {
		return nil, fmt.Errorf("make the demo: %w", err)
	}
	night, err := time.ParseInLocation(time.DateOnly, o.Date, zone)
	if err != nil {
		return nil, fmt.Errorf("make the demo: run date %q: expected a day such as 2026-11-21", o.Date)
	}
	c := &Company{
		dir: o.Dir, zone: zone, night: night, now: cutoff(night),
		dice: dice{rand.New(rand.NewPCG(o.Seed, 0x75736167))}, parts: map[string]*partition{},
	}
	if err := c.claim(); err != nil {
		return nil, fmt.Errorf("make the demo in %s: %w", o.Dir, err)
	}
	c.found()
	for day := c.historyStart(); !day.After(night); day = day.AddDate(0, 0, 1) {
		c.live(day)
	}
	c.edges()
	c.breakRows()
	c.hub = newHub(c, o.Seed)
	c.trail = newTrail(c, o.Seed)
	if err := c.deliver(ctx, true); err != nil {
		return nil, fmt.Errorf("make the demo in %s: %w", o.Dir, err)
	}
	for name, text := range map[string][]byte{ConfigFile: configText, OverridesFile: overridesText} {
		if err := os.WriteFile(filepath.Join(c.dir, name), text, 0o644); err != nil {
			return nil, fmt.Errorf("make the demo in %s: %w", o.Dir, err)
		}
	}
	return c, nil
}

// NextDay lets a day pass until the next night: a day of events, rows that come late, a file delivered again, a new
// colleague, a renamed one, one who was removed, an agent renamed and one deleted; a system renamed, an integration
// deleted, and two users who turn out to be one; entries of the audit trail that come weeks late. The sources drop their oldest events.
// Night, Counts and News change with it.
func (c *Company) NextDay(ctx context.Context) error {
	yesterday := c.night
	c.night = c.night.AddDate(0, 0, 1)
	c.now = cutoff(c.night)
	c.live(c.night)
	c.change(yesterday)
	c.hub.live(c.night)
	c.hub.change(yesterday)
	c.trail.live(c.night)
	c.trail.change(yesterday)
	if err := c.deliver(ctx, false); err != nil {
		return fmt.Errorf("let the day %s pass: %w", yesterday.Format(time.DateOnly), err)
	}
	if err := errors.Join(c.dropFiles(), c.hub.dropFiles()); err != nil {
		return fmt.Errorf("drop old event files of the demo: %w", err)
	}
	if err := errors.Join(c.redeliver(yesterday), c.hub.redeliver(yesterday)); err != nil {
		return fmt.Errorf("deliver a file of the demo again: %w", err)
	}
	return nil
}

// Night returns the run date of the coming night, "2006-01-02".
func (c *Company) Night() string { return c.night.Format(time.DateOnly) }

// RunTime returns when the coming night's run starts: half past two in the reporting zone. What is in the sources
// arrived before it.
func (c *Company) RunTime() time.Time { return cutoff(c.night) }

// Config returns the path of the config.
func (c *Company) Config() string { return filepath.Join(c.dir, ConfigFile) }

// Counts returns how much the source systems hold.
func (c *Company) Counts() Counts { return c.counts }

// News returns what NextDay changed, a sentence each; nothing before the first.
func (c *Company) News() []string { return c.news }

// claim makes the folders, and refuses to write over what is there.
func (c *Company) claim() error {
	if err := os.MkdirAll(filepath.Join(c.dir, EventsDir), 0o755); err != nil {
		return err
	}
	for _, name := range []string{
		ConfigFile, OverridesFile, DatabaseFile,
		EventsDir + "/generations", EventsDir + "/reference", EventsDir + "/sync", EventsDir + "/sightings",
	} {
		_, err := os.Lstat(filepath.Join(c.dir, name))
		switch {
		case err == nil:
			return fmt.Errorf("%s is already there: name another folder, or remove this one first", name)
		case !errors.Is(err, os.ErrNotExist):
			return err
		}
	}
	return nil
}

// historyStart is the first day that the events tell of.
func (c *Company) historyStart() time.Time { return c.night.AddDate(0, -historyMonths, 0) }

// retention is the first day that the sources still hold events of, once a day has passed.
func (c *Company) retention() time.Time { return c.historyStart().AddDate(0, 0, 14) }

// cutoff is the instant up to which things have arrived by the run of the night: the start of the run itself, which is in
// the middle of a delivery partition, a day in UTC. What arrives later is the next night's, by its :changed_since.
func cutoff(night time.Time) time.Time {
	y, m, d := night.Date()
	return time.Date(y, m, d, 2, 30, 0, 0, night.Location()).UTC()
}
