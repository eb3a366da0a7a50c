//go:build unix

package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// mutants are patches that each break the protocol in one way. What stands before a patch says which, and what finds it.
//
//go:embed mutants/*.patch
var mutants embed.FS

// patched is a program built with a patch.
type patched struct {
	overlay string // for go build
	program string
}

// mutantNames lists the mutants.
func mutantNames() ([]string, error) {
	entries, err := mutants.ReadDir("mutants")
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".patch"))
	}
	return names, err
}

var (
	foundBy = regexp.MustCompile(`(?m)^Found by: (kills|races|pauses|nothing)$`)
	touches = regexp.MustCompile(`(?m)^\+\+\+ b/(\S+)$`)
)

// attackMutants attacks programs that are wrong on purpose. Each must break a rule, or the harness is no proof of anything.
func attackMutants(ctx context.Context, o options, work string, out io.Writer) error {
	names, err := mutantNames()
	if err != nil {
		return err
	}
	if o.mutants != "all" {
		asked := strings.Split(o.mutants, ",")
		for _, name := range asked {
			if !slices.Contains(names, name) {
				return fmt.Errorf("-mutants %s: expected all, or some of %s", name, strings.Join(names, ", "))
			}
		}
		names = asked
	}
	var missed []string
	for _, name := range names {
		due, found, err := attackMutant(ctx, o, filepath.Join(work, name), name)
		if err != nil {
			return fmt.Errorf("mutant %s: %w", name, err)
		}
		verdict := "nothing found"
		if found != nil {
			text := found.Error()
			how, _, _ := strings.Cut(text, ":")
			what, _, _ := strings.Cut(text[max(strings.Index(text, errBroken.Error()), 0):], "\n")
			verdict = "found, " + how + ": " + what
		}
		fmt.Fprintf(out, "%s: %s\n", name, verdict)
		if due != (found != nil) {
			missed = append(missed, name)
		}
	}
	if len(missed) > 0 {
		return fmt.Errorf("not as their patches say: %s", strings.Join(missed, ", "))
	}
	return nil
}

// attackMutant returns how a mutant was found out, nil if it was not, and whether it was to be.
func attackMutant(ctx context.Context, o options, work, name string) (due bool, found, err error) {
	text, err := mutants.ReadFile("mutants/" + name + ".patch")
	if err != nil {
		return due, nil, err
	}
	by := foundBy.FindSubmatch(text)
	if by == nil {
		return due, nil, errors.New(`its patch has no line "Found by: kills", races, pauses or nothing`)
	}
	overlay, err := applyPatch(ctx, work, text)
	if err != nil {
		return due, nil, err
	}
	due = true
	o.kills, o.only, o.races, o.pauses, o.wait = 0, -1, 0, 0, false
	series := (*harness).killMany
	switch string(by[1]) {
	case "kills":
		o.kills = 250
	case "races":
		o.races, series = 10, (*harness).raceMany
	case "pauses":
		o.pauses, series = 30, (*harness).pauseMany
	case "nothing":
		o.kills, due = 100, false
	}
	h, err := newHarness(ctx, o, work, &patched{overlay, filepath.Join(work, "usagereport")})
	if err == nil {
		defer func() { err = errors.Join(err, h.close(context.WithoutCancel(ctx))) }()
		err = series(h, ctx, io.Discard)
	}
	if errors.Is(err, errBroken) { // maybe it does not even come through an undisturbed night
		return due, err, nil
	}
	return due, nil, err
}

// applyPatch makes patched copies of the product's files and returns an overlay for go build that has them in their place. A
// patch that does not apply to the last line is an error: then the protocol has changed, and the patch must change with it.
func applyPatch(ctx context.Context, work string, patch []byte) (overlay string, err error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	tree := filepath.Join(work, "patched")
	replace := map[string]string{}
	for _, m := range touches.FindAllSubmatch(patch, -1) {
		name := filepath.FromSlash(string(m[1]))
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return "", err
		}
		to := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(to, data, 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, name)] = to
	}
	if len(replace) == 0 {
		return "", errors.New("its patch changes no file")
	}
	cmd := exec.CommandContext(ctx, "git", "apply", "--verbose", "-")
	cmd.Dir, cmd.Stdin = tree, bytes.NewReader(patch)
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+work)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("its patch does not apply any more: change it as the protocol has changed: %w\n%s", err, out)
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(work, "overlay.json")
	return overlay, os.WriteFile(overlay, data, 0o600)
}
