package pages

import (
	"time"

	"github.com/usagereport/usagereport/sinks/lake"
)

// Section is one of the pages in the navigation.
type Section string

// The pages in the navigation, by their paths.
const (
	Licenses Section = "/licenses"
	AuditLog Section = "/audit-log"
	Usage    Section = "/usage"
	Runs     Section = "/runs"
)

// Title returns what the section is called.
func (s Section) Title() string {
	switch s {
	case Licenses:
		return "Licenses"
	case AuditLog:
		return "Audit Log"
	case Usage:
		return "Usage"
	case Runs:
		return "Runs"
	}
	return ""
}

// Theme says in which colours pages are shown.
type Theme string

// The themes. System follows what the reader's system prefers.
const (
	System Theme = "system"
	Light  Theme = "light"
	Dark   Theme = "dark"
)

// ParseTheme returns the theme that s names, System for anything else.
func ParseTheme(s string) Theme {
	if t := Theme(s); t == Light || t == Dark {
		return t
	}
	return System
}

// Frame is what stands around every page.
type Frame struct {
	Person   string    // who is signed in; empty: nobody, and no navigation
	Role     string    // of that person, such as "Administrator"
	Sections []Section // those that this person may open, in order
	Here     Section   // the one that this page belongs to
	Self     string    // path and query of this page: where the switch of themes returns to
	Theme    Theme
	Data     *Data  // what the pages show; nil: nothing is published, or unknown
	Program  string // version of the program
}

// Data says how new the published data is.
type Data struct {
	Date lake.Date // the run date; the data covers the days before it
	Made time.Time // shown in its own zone
}

// Choice is an option of a filter.
type Choice struct {
	Value, Label string
	Chosen       bool
}

// Link is a local link.
type Link struct {
	Label, URL string
	Here       bool // it leads to what is shown already
}
