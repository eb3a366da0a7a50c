package config

import (
	"fmt"
	"log/slog"
)

// Every part of a Config prints, marshals and logs itself through shownFields, so that none can show a secret.

// Format writes the Config as JSON for every verb, without secrets.
func (c Config) Format(f fmt.State, _ rune) { formatJSON(f, c) }

// MarshalJSON returns the Config without secrets.
func (c Config) MarshalJSON() ([]byte, error) { return shownJSON(c) }

// MarshalYAML returns the Config without secrets; JSON is YAML.
func (c Config) MarshalYAML() ([]byte, error) { return shownJSON(c) }

// LogValue returns the Config as JSON without secrets.
func (c Config) LogValue() slog.Value { return logJSON(c) }

// Format writes the Lake as JSON for every verb, without secrets.
func (l Lake) Format(f fmt.State, _ rune) { formatJSON(f, l) }

// MarshalJSON returns the Lake without secrets.
func (l Lake) MarshalJSON() ([]byte, error) { return shownJSON(l) }

// MarshalYAML returns the Lake without secrets; JSON is YAML.
func (l Lake) MarshalYAML() ([]byte, error) { return shownJSON(l) }

// LogValue returns the Lake as JSON without secrets.
func (l Lake) LogValue() slog.Value { return logJSON(l) }

// Format writes the Schedule as JSON for every verb, without secrets.
func (s Schedule) Format(f fmt.State, _ rune) { formatJSON(f, s) }

// MarshalJSON returns the Schedule without secrets.
func (s Schedule) MarshalJSON() ([]byte, error) { return shownJSON(s) }

// MarshalYAML returns the Schedule without secrets; JSON is YAML.
func (s Schedule) MarshalYAML() ([]byte, error) { return shownJSON(s) }

// LogValue returns the Schedule as JSON without secrets.
func (s Schedule) LogValue() slog.Value { return logJSON(s) }

// Format writes the Source as JSON for every verb, without secrets.
func (s Source) Format(f fmt.State, _ rune) { formatJSON(f, s) }

// MarshalJSON returns the Source without secrets.
func (s Source) MarshalJSON() ([]byte, error) { return shownJSON(s) }

// MarshalYAML returns the Source without secrets; JSON is YAML.
func (s Source) MarshalYAML() ([]byte, error) { return shownJSON(s) }

// LogValue returns the Source as JSON without secrets.
func (s Source) LogValue() slog.Value { return logJSON(s) }

// Format writes the Dataset as JSON for every verb, without secrets.
func (d Dataset) Format(f fmt.State, _ rune) { formatJSON(f, d) }

// MarshalJSON returns the Dataset without secrets.
func (d Dataset) MarshalJSON() ([]byte, error) { return shownJSON(d) }

// MarshalYAML returns the Dataset without secrets; JSON is YAML.
func (d Dataset) MarshalYAML() ([]byte, error) { return shownJSON(d) }

// LogValue returns the Dataset as JSON without secrets.
func (d Dataset) LogValue() slog.Value { return logJSON(d) }

// Format writes the Quality as JSON for every verb, without secrets.
func (q Quality) Format(f fmt.State, _ rune) { formatJSON(f, q) }

// MarshalJSON returns the Quality without secrets.
func (q Quality) MarshalJSON() ([]byte, error) { return shownJSON(q) }

// MarshalYAML returns the Quality without secrets; JSON is YAML.
func (q Quality) MarshalYAML() ([]byte, error) { return shownJSON(q) }

// LogValue returns the Quality as JSON without secrets.
func (q Quality) LogValue() slog.Value { return logJSON(q) }

// Format writes the Identity as JSON for every verb, without secrets.
func (i Identity) Format(f fmt.State, _ rune) { formatJSON(f, i) }

// MarshalJSON returns the Identity without secrets.
func (i Identity) MarshalJSON() ([]byte, error) { return shownJSON(i) }

// MarshalYAML returns the Identity without secrets; JSON is YAML.
func (i Identity) MarshalYAML() ([]byte, error) { return shownJSON(i) }

// LogValue returns the Identity as JSON without secrets.
func (i Identity) LogValue() slog.Value { return logJSON(i) }
