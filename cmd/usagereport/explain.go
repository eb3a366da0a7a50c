package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/integration"
)

func newExplainUser() *cobra.Command {
	var path, date string
	var asJSON bool
	c := &cobra.Command{
		Use:   "explain-user <email|username|name>",
		Short: "Show who counts as one user, and why",
		Long: `explain-user finds the users that have the given email, username, part of an email before the @, or display
name; upper and lower case do not matter. Of each it shows every observation of the year, with the rule and the key
that tie it to the others, and what the user counts under. A key that alone holds two otherwise separate groups
together is a bridge: look there first when two people count as one. It reads what the nights kept in the lake,
not the sources, and applies the rules of the config as it is now.`,
		Example: `  usagereport explain-user --config usagereport.yaml asmith@example.com
  usagereport explain-user --config usagereport.yaml --json "Bob B."`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 1 && strings.TrimSpace(args[0]) != "" {
				return nil
			}
			return fmt.Errorf("%w: expected one email, username or name, in quotes if it has blanks; found %d\nSee '%s --help'.",
				errUsage, len(args), c.CommandPath())
		},
		RunE: func(c *cobra.Command, args []string) (err error) {
			var day *calendar.Date
			if date != "" {
				d, err := parseDate("date", date)
				if err != nil {
					return err
				}
				day = &d
			}
			n, err := openNight(c, path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, n.Lake.Close()) }()
			e, err := n.Explain(c.Context(), args[0], day)
			if err != nil {
				return err
			}
			if asJSON {
				return writeExplainedJSON(c.OutOrStdout(), args[0], n.Config.Location(), e)
			}
			return writeExplained(c.OutOrStdout(), args[0], n.Config.Location(), e)
		},
	}
	configFlag(c, &path)
	c.Flags().StringVar(&date, "date", "", "as the reports of this run date have it, as YYYY-MM-DD (default: the newest snapshot)")
	c.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

func writeExplained(w io.Writer, text string, zone *time.Location, e *jobs.Explained) error {
	fmt.Fprintf(w, "%s of %q among the observations of %s to %s (%s), read until run %s\n",
		counted(len(e.Users), "user"), text, e.Window.From, e.Window.Last(), zone, e.Run)
	for _, u := range e.Users {
		fmt.Fprintf(w, "\nuser %d, counted under %s: %s\n", u.User+1, u.Bucket, counted(len(u.Observations), "sighting"))
		for _, key := range u.Bridges {
			fmt.Fprintf(w, "  bridge: without %q this would be several users\n", key)
		}
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "  SYSTEM\tEMAIL\tUSERNAME\tDISPLAY NAME\tSERVICE\tLAST SEEN\tROWS\tTIED BY\tSEEN AS")
		for _, o := range u.Observations {
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", printable(o.System), dash(o.Email), dash(o.Username), dash(o.DisplayName),
				yesNo(o.ServiceAccount), o.Last.Format("2006-01-02 15:04:05"), o.Rows, o.Tie, printable(strings.Join(o.Interactions, ", ")))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// dash shows an empty text.
func dash(text string) string {
	if strings.TrimSpace(text) == "" {
		return "–"
	}
	return printable(text)
}

// printable keeps what a stranger typed from steering the terminal or the columns.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '�'
		}
		return r
	}, text)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// The JSON form of what explain-user finds.
type (
	explainedJSON struct {
		Query        string     `json:"query"`
		SnapshotDate string     `json:"snapshot_date"`
		From         string     `json:"window_from"`
		To           string     `json:"window_to"`
		Zone         string     `json:"time_zone"`
		Run          string     `json:"read_until_run"`
		Users        []userJSON `json:"users"`
	}
	userJSON struct {
		User         int            `json:"user"`
		Bucket       string         `json:"bucket"`
		Bridges      []string       `json:"bridges"`
		Observations []observedJSON `json:"observations"`
	}
	observedJSON struct {
		System         string    `json:"system"`
		Interactions   []string  `json:"interaction_types"`
		Email          string    `json:"email"`
		Username       string    `json:"username"`
		DisplayName    string    `json:"display_name"`
		ServiceAccount bool      `json:"service_account"`
		LastSeen       time.Time `json:"last_seen"`
		Rows           int64     `json:"rows"`
		Step           int       `json:"step"`
		Rule           string    `json:"rule"`
		Key            string    `json:"key"`
		Override       string    `json:"override,omitempty"`
	}
)

func writeExplainedJSON(w io.Writer, text string, zone *time.Location, e *jobs.Explained) error {
	out := explainedJSON{
		Query: text, SnapshotDate: e.Date.String(), From: e.Window.From.String(), To: e.Window.Last().String(), Zone: zone.String(),
		Run: e.Run, Users: []userJSON{},
	}
	for _, u := range e.Users {
		out.Users = append(out.Users, userJSON{
			User: u.User + 1, Bucket: u.Bucket.String(), Bridges: append([]string{}, u.Bridges...), Observations: observations(u),
		})
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}

func observations(u integration.Explanation) []observedJSON {
	out := []observedJSON{}
	for _, o := range u.Observations {
		out = append(out, observedJSON{
			System: o.System, Interactions: o.Interactions, Email: o.Email, Username: o.Username, DisplayName: o.DisplayName,
			ServiceAccount: o.ServiceAccount, LastSeen: o.Last, Rows: o.Rows,
			Step: o.Tie.Step, Rule: o.Tie.Rule, Key: o.Tie.Key, Override: o.Tie.Override,
		})
	}
	return out
}
