package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/jobs/internal/deliver"
	"github.com/usagereport/usagereport/sinks/lake"
)

// message is what is told: the JSON that webhooks get, of which text is for people. docs/operations.md describes it.
type message struct {
	Type string    `json:"type"`      // run.failed, run.incomplete or run.recovered
	At   time.Time `json:"timestamp"` // UTC
	Text string    `json:"text"`      // chat services show this; & < > are escaped as they ask for
	Data data      `json:"data"`

	subject, body string // the text of an e-mail
}

type data struct {
	RunID        string    `json:"run_id"`
	SnapshotDate string    `json:"snapshot_date"`
	RunTime      time.Time `json:"run_time"`
	Published    bool      `json:"published"`
	ExitCode     int       `json:"exit_code"`
	Error        string    `json:"error,omitempty"` // its first lines
	Advice       string    `json:"advice,omitempty"`
	Missing      []part    `json:"missing,omitempty"` // the parts that the snapshot lacks
	Docs         string    `json:"documentation"`
	Seconds      float64   `json:"seconds"`
	Lake         string    `json:"lake"`
	Program      string    `json:"program_version"`
	Failures     *Streak   `json:"failures,omitempty"` // that a recovery ends
}

// part is a part of a snapshot that is missing, and since which date.
type part struct {
	Name  string    `json:"name"`
	Since lake.Date `json:"missing_since"`
	Last  lake.Date `json:"last_published,omitempty"`
}

const docs = "https://github.com/usagereport/usagereport/blob/main/docs/operations.md"

// advice says what helps after an exit code.
var advice = map[int]string{
	jobs.ExitRetry: "A retry may help; `usagereport schedule` makes it by itself, else start the run again. " +
		"If it goes on, look at what the error names: network, database, disk.",
	jobs.ExitConfig: "A retry does not help. Mend the config, or what it names; `usagereport check` lists all that is wrong with it.",
	jobs.ExitData:   "A retry does not help until the data is right. Look at what the error names, and at the rows in quarantine/.",
}

func (n *Notifier) failed(run Run, code int) message {
	m := n.about(run)
	m.Type = "run.failed"
	headline := fmt.Sprintf("usagereport: the run of %s failed (exit code %d); what was published before stays", run.Date, code)
	if run.Published {
		m.Type = "run.incomplete"
		headline = fmt.Sprintf("usagereport: the run of %s published, but not without an error (exit code %d)", run.Date, code)
	}
	m.Data.Docs, m.Data.Advice = docs+"#what-to-do-when-a-run-fails", advice[code]
	var names []string
	for _, d := range run.Missing {
		if !run.Published {
			break
		}
		names = append(names, d.Name)
		m.Data.Missing = append(m.Data.Missing, part{d.Name, d.Since, d.Last})
	}
	if len(names) > 0 {
		headline = fmt.Sprintf("usagereport: the run of %s published without its %s part (exit code %d)", run.Date, strings.Join(names, " and "), code)
		m.Data.Docs, m.Data.Advice = docs+"#when-something-is-down", partialAdvice
	}
	m.Data.ExitCode, m.Data.Error = code, firstLines(n.cfg.Scrub(run.Err.Error()))
	since := ""
	for _, p := range m.Data.Missing {
		since += fmt.Sprintf("The %s part is missing since %s", p.Name, p.Since)
		if p.Last != "" {
			since += fmt.Sprintf("; the newest date that has it is %s", p.Last)
		}
		since += ".\n"
	}
	return m.say(headline, strings.TrimSpace(since), m.Data.Error, m.Data.Advice)
}

const partialAdvice = "Everything else is there. `usagereport schedule` makes the date again until it is whole or a newer one is due; " +
	"else start the run again once the source is back."

func (n *Notifier) recovered(run Run, s Streak) message {
	m := n.about(run)
	m.Type, m.Data.Failures, m.Data.Docs = "run.recovered", &s, docs+"#telling-people"
	runs := "1 run"
	if s.Runs > 1 {
		runs = fmt.Sprintf("%d runs", s.Runs)
	}
	return m.say(fmt.Sprintf("usagereport: the run of %s went well again", run.Date),
		fmt.Sprintf("Before it %s failed, the first of %s (%s).", runs, s.Since.UTC().Format(time.RFC3339), s.First))
}

func (n *Notifier) about(run Run) message {
	return message{At: n.courier.Now().UTC().Truncate(time.Second), Data: data{
		RunID: run.ID, SnapshotDate: run.Date, RunTime: run.Time.UTC(), Published: run.Published,
		Seconds: run.Took.Round(time.Millisecond).Seconds(), Lake: run.Lake, Program: n.program,
	}}
}

// say sets the texts of a message.
func (m message) say(headline string, paragraphs ...string) message {
	m.subject = headline
	foot := fmt.Sprintf("Run %s, lake %s, program version %s\n%s", m.Data.RunID, m.Data.Lake, m.Data.Program, m.Data.Docs)
	parts := []string{headline}
	for _, p := range append(paragraphs, foot) {
		if p != "" {
			parts = append(parts, p)
		}
	}
	m.body = strings.Join(parts, "\n\n")
	// An error can quote what a stranger typed, such as <!channel>, which would ring everybody's phone.
	m.Text = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(m.body)
	return m
}

const (
	maxLines = 8
	maxBytes = 1500
)

// firstLines cuts an error text down to what a message has room for.
func firstLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	cut := len(lines) > maxLines
	short := strings.Join(lines[:min(len(lines), maxLines)], "\n")
	if len(short) > maxBytes {
		short, cut = strings.ToValidUTF8(short[:maxBytes], ""), true
	}
	if cut {
		short += "\n… (the record of the run has it all)"
	}
	return short
}

// post makes one attempt to hand a message to a webhook.
func (n *Notifier) post(ctx context.Context, w config.Webhook, m message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return deliver.Hopeless(fmt.Errorf("encode the message: %w", err))
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if w.SigningKey.IsSet() {
		if err := sign(header, w.SigningKey, m, body); err != nil {
			return deliver.Hopeless(err)
		}
	}
	return n.courier.Post(ctx, w.URL.Reveal(), header, body)
}

// sign adds the headers of Standard Webhooks. Every attempt has the same id, by which receivers know a repetition.
func sign(header http.Header, key config.Secret, m message, body []byte) error {
	signer, err := standardwebhooks.NewWebhook(key.Reveal())
	if err != nil {
		return fmt.Errorf("use the signing key: %w", err)
	}
	signature, err := signer.Sign(m.id(), m.At, body)
	if err != nil {
		return fmt.Errorf("sign the message: %w", err)
	}
	header.Set(standardwebhooks.HeaderWebhookID, m.id())
	header.Set(standardwebhooks.HeaderWebhookTimestamp, fmt.Sprint(m.At.Unix()))
	header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return nil
}

// id names a message: the same run and news give the same.
func (m message) id() string {
	return cmp.Or(m.Data.RunID, "run") + "-" + strings.TrimPrefix(m.Type, "run.")
}
