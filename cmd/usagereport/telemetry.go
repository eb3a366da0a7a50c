package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
)

const scope = "github.com/usagereport/usagereport"

// telemetry sends traces and metrics of one run over OTLP/HTTP, to where the standard variables of OpenTelemetry say. None
// of the libraries' own instrumentation takes part: it would say what queries and objects are called.
type telemetry struct {
	log     *slog.Logger
	traces  *sdktrace.TracerProvider // nil: no traces are wanted
	metrics *sdkmetric.MeterProvider // nil: no metrics are wanted
	span    trace.Span               // of the run
}

// wanted reports whether the environment asks for a signal, TRACES or METRICS.
func wanted(signal string) bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_"+signal+"_EXPORTER") == "none" {
		return false
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != ""
}

// newTelemetry returns what the environment asks for, which is nothing unless it names an endpoint.
func newTelemetry(ctx context.Context, log *slog.Logger) *telemetry {
	t := &telemetry{log: log}
	traces, metrics := wanted("TRACES"), wanted("METRICS")
	if !traces && !metrics {
		return t
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { t.warn(err) }))
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "usagereport"), attribute.String("service.version", version())), resource.WithFromEnv())
	t.warn(err) // what it could find out is still there
	if traces {
		if e, err := otlptracehttp.New(ctx); err != nil {
			t.warn(err)
		} else {
			t.traces = sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithBatcher(e))
		}
	}
	if metrics {
		if e, err := otlpmetrichttp.New(ctx); err != nil {
			t.warn(err)
		} else {
			t.metrics = sdkmetric.NewMeterProvider(sdkmetric.WithResource(about), sdkmetric.WithReader(sdkmetric.NewPeriodicReader(e)))
		}
	}
	return t
}

// warn logs a problem with sending, without the address, the headers and the answer, which may repeat them: they may let in
// whoever knows them.
func (t *telemetry) warn(err error) {
	if err == nil {
		return
	}
	t.log.Warn("telemetry not sent", "error", withoutSecrets(err.Error()))
}

// withoutSecrets takes addresses, answers and the headers of the environment out of an error text.
func withoutSecrets(text string) string {
	text = anyURL.ReplaceAllString(answer.ReplaceAllString(text, ""), "the endpoint")
	for _, name := range []string{"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS"} {
		for header := range strings.SplitSeq(os.Getenv(name), ",") {
			if _, value, ok := strings.Cut(header, "="); ok && strings.TrimSpace(value) != "" {
				text = strings.ReplaceAll(text, strings.TrimSpace(value), "REDACTED")
			}
		}
	}
	return text
}

// What libraries quote: the URL of an endpoint, and what that answered.
var (
	anyURL = regexp.MustCompile(`https?://[^\s"]+`)
	answer = regexp.MustCompile(`(?s):? \(?body: .*`) // "… (body: x)", and after retries "…: body: x"
)

// begin starts the span of a run. A Night that it is given has its stages become spans, too.
func (t *telemetry) begin(ctx context.Context, n *jobs.Night, id, date string) (_ *jobs.Night, stages *stages) {
	if t.traces == nil {
		return n, nil
	}
	tracer := t.traces.Tracer(scope)
	ctx, t.span = tracer.Start(ctx, "run", trace.WithNewRoot(), trace.WithAttributes(attribute.String("usagereport.run_id", id),
		attribute.String("usagereport.snapshot_date", date), attribute.String("usagereport.lake", n.Lake.Name())))
	stages = newStages(ctx, tracer, n.Progress)
	watched := *n
	watched.Progress = stages
	return &watched, stages
}

// end ends the span of the run, sets its figures, and sends it all. It waits for as long as ctx lasts.
func (t *telemetry) end(ctx context.Context, n *jobs.Night, stages *stages, out *jobs.Outcome, err error) {
	code := attribute.Int("usagereport.exit_code", jobs.ExitCode(err))
	if t.traces != nil {
		stages.end()
		t.span.SetAttributes(code, attribute.Bool("usagereport.published", out != nil && out.Published))
		if err != nil {
			t.span.SetStatus(codes.Error, n.Config.Scrub(err.Error()))
		}
		t.span.End()
		t.warn(t.traces.Shutdown(ctx))
	}
	if t.metrics != nil {
		t.warn(measure(ctx, t.metrics.Meter(scope), out, code))
		t.warn(t.metrics.Shutdown(ctx))
	}
}

// measure records the figures of a run.
func measure(ctx context.Context, m metric.Meter, out *jobs.Outcome, code attribute.KeyValue) error {
	var all []error
	gauge := func(name, unit, doc string, value int64, attributes ...attribute.KeyValue) {
		g, err := m.Int64Gauge(name, metric.WithUnit(unit), metric.WithDescription(doc))
		if err != nil {
			all = append(all, fmt.Errorf("%s: %w", name, err))
			return
		}
		g.Record(ctx, value, metric.WithAttributes(attributes...))
	}
	gauge("usagereport.run.exit_code", "1", "The exit code that the last run stands for.", code.Value.AsInt64())
	if out == nil {
		return errors.Join(all...)
	}
	gauge("usagereport.run.duration", "ms", "How long the last run took.", out.Took.Milliseconds())
	if out.Published {
		gauge("usagereport.run.published", "s", "The run time of the last snapshot that was published, since 1970.", out.Manifest.RunTime.Unix())
	}
	for _, r := range out.Retries {
		of := attribute.String("usagereport.operation", r.Operation)
		gauge("usagereport.run.retries", "{retry}", "How often the last run tried an operation again.", int64(r.Times), of)
		gauge("usagereport.run.waited", "ms", "How long the last run waited before it tried an operation again, in all.", int64(r.Seconds*1000), of)
	}
	for _, p := range out.Manifest.Domains {
		missing := int64(0)
		if p.Status == lake.DomainMissing {
			missing = 1
		}
		gauge("usagereport.part.missing", "1", "1 if the last snapshot lacks a part, since its sources were down.", missing,
			attribute.String("usagereport.part", p.Name))
	}
	for _, d := range out.Manifest.Datasets {
		of := attribute.String("usagereport.dataset", d.Name)
		gauge("usagereport.rows.read", "{row}", "Rows that the last run read of a dataset.", d.Read, of)
		gauge("usagereport.rows.rejected", "{row}", "Rows of a dataset that the last run could not use.", d.Rejected, of)
		gauge("usagereport.rows.late", "{row}", "Rows of a dataset that came late.", d.Late, of)
	}
	for _, l := range out.Manifest.Logs {
		gauge("usagereport.rows.published", "{row}", "Rows of a log in the last snapshot.", l.Rows, attribute.String("usagereport.table", l.Table))
	}
	return errors.Join(all...)
}

// stages is a Progress that makes a span of every stage.
type stages struct {
	next  jobs.Progress // hears everything, too; may be nil
	start func(name string) trace.Span

	mu   sync.Mutex
	span trace.Span // of the current stage
	rows int64
}

func newStages(ctx context.Context, tracer trace.Tracer, next jobs.Progress) *stages {
	return &stages{next: next, start: func(name string) trace.Span {
		_, span := tracer.Start(ctx, name)
		return span
	}}
}

// Stage ends the span of the stage before and begins the next.
func (s *stages) Stage(name string) {
	if s.next != nil {
		s.next.Stage(name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked()
	s.span, s.rows = s.start(name), 0
}

// Rows counts rows of the current stage.
func (s *stages) Rows(n int64) {
	if s.next != nil {
		s.next.Rows(n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows += n
}

func (s *stages) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked()
}

func (s *stages) endLocked() {
	if s.span != nil {
		s.span.SetAttributes(attribute.Int64("usagereport.rows", s.rows))
		s.span.End()
		s.span = nil
	}
}
