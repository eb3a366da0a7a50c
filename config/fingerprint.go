package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// Fingerprint returns a digest, in hexadecimal, of everything in the config that decides which facts the dataset
// yields: where it is read from, its query or files, columns, mappings, zones and units, and for generations the
// API routes. Secrets are no part of it, nor is what only says how much or how often to read. State that was
// built under another fingerprint is of no use. It panics if the dataset is not bound.
func (c *Config) Fingerprint(dataset string) string {
	d, ok := c.Datasets[dataset]
	if !ok {
		panic(fmt.Sprintf("config: fingerprint of %q, which is not bound", dataset))
	}
	facts := struct {
		Version                                     int
		Reporting, History, Place                   string
		Query, Path, Format, Delimiter, Zone, Epoch string
		Columns                                     map[string]string
		Mappings                                    map[string]map[string]string
		Routes                                      []string
	}{
		Version: 1, Reporting: c.Timezone, History: c.HistoryStart.String(), Place: placeOf(c.Sources[d.Source].URL),
		Query: d.Query, Path: d.Path, Format: string(d.FileFormat), Delimiter: d.Delimiter, Zone: d.Timezone,
		Epoch: string(d.EpochUnit), Columns: nonEmpty(d.Columns), Mappings: nonEmpty(d.Mappings),
	}
	if dataset == "generations" {
		facts.Routes = c.APIRoutes
	}
	b, err := json.Marshal(facts)
	if err != nil { // strings, maps of strings and a number always marshal
		panic(fmt.Sprintf("config: fingerprint: %v", err))
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// nonEmpty makes an empty map and none the same.
func nonEmpty[M ~map[string]V, V any](m M) M {
	if len(m) == 0 {
		return nil
	}
	return m
}

// placeOf returns what a URL points at: without the user, the password and secret parameters, which change when
// credentials are rotated.
func placeOf(u URL) string {
	raw := u.Reveal()
	p, err := url.Parse(raw)
	if err != nil {
		return Redact(raw)
	}
	p.User = nil
	var kept []string
	for _, param := range strings.Split(p.RawQuery, "&") {
		name, value, _ := strings.Cut(param, "=")
		if param != "" && !secretName(name) && !carriesPassword(value) {
			kept = append(kept, param)
		}
	}
	p.RawQuery = strings.Join(kept, "&")
	return p.String()
}
