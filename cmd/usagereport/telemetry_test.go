package main

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/usagereport/usagereport/jobs"
)

// collector takes traces and metrics as OTLP collectors do.
type collector struct {
	*httptest.Server

	mu      sync.Mutex
	spans   []*tracepb.Span
	metrics []string
	text    strings.Builder // of everything
	keys    []string
}

func newCollector(t *testing.T) *collector {
	c := new(collector)
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body := r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = z
		}
		data, err := io.ReadAll(body)
		if err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.keys = append(c.keys, r.Header.Get("Api-Key"))
		var message proto.Message
		switch {
		case strings.HasSuffix(r.URL.Path, "/v1/traces"):
			m := new(collectortrace.ExportTraceServiceRequest)
			message, err = m, proto.Unmarshal(data, m)
			for _, rs := range m.GetResourceSpans() {
				for _, ss := range rs.GetScopeSpans() {
					c.spans = append(c.spans, ss.GetSpans()...)
				}
			}
		case strings.HasSuffix(r.URL.Path, "/v1/metrics"):
			m := new(collectormetrics.ExportMetricsServiceRequest)
			message, err = m, proto.Unmarshal(data, m)
			for _, rm := range m.GetResourceMetrics() {
				for _, sm := range rm.GetScopeMetrics() {
					for _, one := range sm.GetMetrics() {
						c.metrics = append(c.metrics, one.GetName())
					}
				}
			}
		default:
			t.Errorf("nobody expected %s", r.URL)
			return
		}
		if err != nil {
			t.Error(err)
		}
		text, err := proto.Marshal(message)
		if err != nil {
			t.Error(err)
		}
		c.text.Write(text)
	}))
	t.Cleanup(c.Close)
	return c
}

func TestTelemetry(t *testing.T) {
	a, c := newAudience(t), newCollector(t)
	config := tellingConfig(t, a)
	run := func(code int) invocation {
		t.Helper()
		got := invoke(t, "run", "--config", config, "--date", "2026-11-21")
		got.want(t, code)
		return got
	}
	run(0)
	if len(c.keys) > 0 {
		t.Fatal("telemetry is sent unasked")
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL+"/otlp-canary")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=header-canary")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
	t.Setenv("OTEL_SDK_DISABLED", "true")
	run(0)
	if len(c.keys) > 0 {
		t.Fatal("telemetry is sent though it is disabled")
	}
	t.Setenv("OTEL_SDK_DISABLED", "")
	well := run(0)
	root := checkSpans(t, c.spans)
	if root.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR {
		t.Error(root.GetStatus())
	}
	for _, name := range []string{"usagereport.run.duration", "usagereport.run.exit_code", "usagereport.run.published", "usagereport.rows.read", "usagereport.rows.published"} {
		if !slices.Contains(c.metrics, name) {
			t.Errorf("no %s in %v", name, c.metrics)
		}
	}
	for _, text := range []string{"usagereport.snapshot_date", "2026-11-21", "deployment.environment", "service.version", "generation_log"} {
		if !strings.Contains(c.text.String(), text) {
			t.Errorf("nowhere: %s", text)
		}
	}
	c.spans = nil
	breaks(t, config, "members.csv")
	failed := run(jobs.ExitConfig)
	if root := checkSpans(t, c.spans); root.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_ERROR || !strings.Contains(root.GetStatus().GetMessage(), "members") {
		t.Error(root.GetStatus())
	}
	for _, key := range c.keys {
		if key != "header-canary" {
			t.Errorf("key %q", key)
		}
	}
	c.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no entry for "+r.Header.Get("Api-Key")+" at "+r.URL.Path, http.StatusForbidden)
	})
	nobody := run(jobs.ExitConfig)
	nobody.want(t, jobs.ExitConfig, "telemetry not sent")
	for _, shown := range []string{c.text.String(), well.stderr, failed.stderr, nobody.stderr, well.stdout} {
		if strings.Contains(shown, "canary") || strings.Contains(shown, c.URL) || strings.Contains(shown, a.URL) {
			t.Errorf("a secret is shown:\n%s", shown)
		}
	}
}

// checkSpans checks that all spans but one are stages of that one, which it returns.
func checkSpans(t *testing.T, spans []*tracepb.Span) (root *tracepb.Span) {
	t.Helper()
	for _, s := range spans {
		if len(s.GetParentSpanId()) == 0 {
			root = s
		}
	}
	if root.GetName() != "run" {
		t.Fatalf("%d spans, the root is %v", len(spans), root)
	}
	var names []string
	for _, s := range spans {
		if s != root {
			names = append(names, s.GetName())
			if hex.EncodeToString(s.GetParentSpanId()) != hex.EncodeToString(root.GetSpanId()) || s.GetEndTimeUnixNano() > root.GetEndTimeUnixNano() {
				t.Errorf("%s is no part of the run", s.GetName())
			}
		}
	}
	if !slices.Contains(names, "read current state") {
		t.Errorf("stages %v", names)
	}
	return root
}

// The libraries quote addresses and answers, each in a way of its own.
func TestTelemetryErrorsWithoutSecrets(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hush")
	for text, want := range map[string]string{
		`Post "https://u:hush@collector.example/hush/v1/traces": dial tcp: connection refused`:                `Post "the endpoint": dial tcp: connection refused`,
		"failed to send to https://collector.example/hush: 403 Forbidden (body: you sent\nhush)":              "failed to send to the endpoint 403 Forbidden",
		"context deadline exceeded: retry-able request failure: body: POST /hush/v1/traces\nAuthorization: x": "context deadline exceeded: retry-able request failure",
		"the header hush is refused": "the header REDACTED is refused",
	} {
		if got := withoutSecrets(text); got != want {
			t.Errorf("%q\ngot  %q\nwant %q", text, got, want)
		}
	}
}
