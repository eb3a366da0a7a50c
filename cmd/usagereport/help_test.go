package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/usagereport/usagereport/dictionary"
)

func TestHelp(t *testing.T) {
	commands := []string{""}
	for _, c := range newRoot().Commands() {
		if name := c.Name(); name != "help" && name != "completion" { // these two are the library's
			commands = append(commands, name)
		}
	}
	for _, name := range commands {
		file, args := "usagereport", []string{"--help"}
		if name != "" {
			file, args = name, []string{name, "--help"}
		}
		t.Run(file, func(t *testing.T) {
			got := invoke(t, args...)
			got.want(t, 0, "Examples:", "Usage:")
			for line := range strings.Lines(got.stdout) {
				if utf8.RuneCountInString(line) > 121 {
					t.Errorf("longer than 120 characters: %s", line)
				}
			}
			golden(t, "help/"+file+".txt", got.stdout)
		})
	}
	t.Run("without arguments", func(t *testing.T) {
		if got := invoke(t); got.code != 0 || got.stdout != invoke(t, "--help").stdout {
			t.Errorf("exit code %d and %s, want the help", got.code, got.stdout)
		}
	})
}

func TestWrongCommandLines(t *testing.T) {
	for _, c := range []struct {
		args  string
		texts []string
	}{
		{"rnu", []string{`unknown command "rnu"`, `did you mean "run"?`, "usagereport --help"}},
		{"something", []string{`unknown command "something"`, "usagereport --help"}},
		{"run --confg x", []string{"unknown flag: --confg", "usagereport run --help"}},
		{"run extra", []string{"takes no argument", `"extra"`, "usagereport run --help"}},
		{"run --config", []string{"flag needs an argument: --config"}},
		{"run --date 2026-13-01", []string{`--date "2026-13-01"`, "expected a day as 2026-11-21"}},
		{"run --date yesterday", []string{`--date "yesterday"`, "expected a day as 2026-11-21"}},
		{"run --run-time 02:30", []string{`--run-time "02:30"`, "2026-11-21T02:30:00Z"}},
		{"run --config nowhere.yaml", []string{"nowhere.yaml", "--config", "demo"}},
		{"backfill", []string{"--from", "--to", "both"}},
		{"backfill --from 2026-11-01", []string{"--from", "--to", "both"}},
		{"backfill --from 2026-11-02 --to 2026-11-01", []string{"--from 2026-11-02 is after --to 2026-11-01"}},
		{"backfill --from 2026-11-02 --to soon", []string{`--to "soon"`}},
		{"verify --date 2026-02-29", []string{`--date "2026-02-29"`}},
		{"schema --format xml", []string{`--format "xml"`, "md, json or sql"}},
		{"runs --last 0", []string{"--last 0", "1 or more"}},
		{"runs --last many", []string{`"many"`, "--last", "expected a whole number"}},
		{"demo --seed -1", []string{`"-1"`, "--seed", "expected a whole number"}},
		{"demo --date 21.11.2026", []string{`--date "21.11.2026"`}},
		{"completion tcsh", []string{`"tcsh"`, "bash, fish, powershell or zsh"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			got := invoke(t, strings.Fields(c.args)...)
			got.want(t, 2, c.texts...)
			if got.stdout != "" || strings.Contains(got.stderr, "strconv") {
				t.Errorf("stdout %q, stderr %q", got.stdout, got.stderr)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	got := invoke(t, "version")
	got.want(t, 0)
	if want := "usagereport " + version() + "\n"; got.stdout != want {
		t.Errorf("got %q, want %q", got.stdout, want)
	}
}

func TestSchema(t *testing.T) {
	invoke(t, "schema").want(t, 0, "# Data dictionary", "### generations")
	invoke(t, "schema", "--format", "sql").want(t, 0, "CREATE TABLE user_log", "CREATE TABLE workspaces")
	got := invoke(t, "schema", "--format", "json")
	got.want(t, 0)
	var doc struct {
		Logs []struct {
			Name   string
			Fields []struct{ Name string }
		}
	}
	if err := json.Unmarshal([]byte(got.stdout), &doc); err != nil {
		t.Fatal(err)
	}
	fields := map[string]int{}
	for _, l := range doc.Logs {
		fields[l.Name] = len(l.Fields)
	}
	if n := fields["generation_log"]; n != len(dictionary.GenerationLog.Fields) {
		t.Errorf("the Generation Log has %d fields, want %d", n, len(dictionary.GenerationLog.Fields))
	}
}

func TestCompletion(t *testing.T) {
	for shell, text := range map[string]string{
		"bash": "complete -o default -F __start_usagereport usagereport",
		"zsh":  "#compdef usagereport",
		"fish": "complete -c usagereport",
	} {
		t.Run(shell, func(t *testing.T) { invoke(t, "completion", shell).want(t, 0, text) })
	}
	t.Run("commands", func(t *testing.T) {
		invoke(t, "__complete", "").want(t, 0, "demo", "run", "backfill", "check", "verify", "runs", "schema", "version")
	})
	t.Run("formats", func(t *testing.T) { invoke(t, "__complete", "schema", "--format", "").want(t, 0, "md", "json", "sql") })
	t.Run("config files", func(t *testing.T) { invoke(t, "__complete", "run", "--config", "").want(t, 0, "yaml", "yml") })
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 12345: "12,345", 1234567: "1,234,567", -5: "-5", -123: "-123", -1234: "-1,234",
	} {
		if got := grouped(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
	if got := counted(1, "problem") + ", " + counted(2, "problem"); got != "1 problem, 2 problems" {
		t.Error(got)
	}
}
