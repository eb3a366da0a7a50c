package admin

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what the server tells of itself. They carry no name and no figure of the business, since /metrics is open.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	bytes    *prometheus.CounterVec
	refused  *prometheus.CounterVec
	limited  prometheus.Counter
	panics   prometheus.Counter
}

func newMetrics(newest func(context.Context) (time.Time, bool), now func() time.Time) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usagereport_http_requests_total", Help: "Requests that were answered, by route, method and status.",
		}, []string{"route", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "usagereport_http_request_duration_seconds", Help: "Time from the header of a request to the end of its answer.",
			Buckets: []float64{.005, .01, .025, .05, .1, .2, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, []string{"route", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "usagereport_http_requests_in_flight", Help: "Requests that are being answered."}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usagereport_download_bytes_total", Help: "Bytes of exports that were sent, by route.",
		}, []string{"route"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usagereport_sign_ins_refused_total", Help: "Keys and sign-ins that were refused, by reason.",
		}, []string{"reason"}),
		limited: prometheus.NewCounter(prometheus.CounterOpts{Name: "usagereport_http_requests_limited_total", Help: "Requests that were too many."}),
		panics:  prometheus.NewCounter(prometheus.CounterOpts{Name: "usagereport_http_panics_total", Help: "Errors of the program that ended a request."}),
	}
	m.registry.MustRegister(m.requests, m.duration, m.inFlight, m.bytes, m.refused, m.limited, m.panics,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&ageCollector{newest: newest, now: now})
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// count notes an answer. Names are those of the table of routes, so that no client can make up series.
func (m *metrics) count(route, method string, code string, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		method = "other"
	}
	m.requests.WithLabelValues(route, method, code).Inc()
	m.duration.WithLabelValues(route, method).Observe(took.Seconds())
}

// ageCollector tells how old the newest snapshot is, when it is asked. It is silent while nobody knows.
type ageCollector struct {
	newest func(context.Context) (time.Time, bool)
	now    func() time.Time
}

var ageDesc = prometheus.NewDesc("usagereport_snapshot_age_seconds", "Time since the run that made the newest snapshot began.", nil, nil)

// Describe is for Prometheus.
func (c *ageCollector) Describe(ch chan<- *prometheus.Desc) { ch <- ageDesc }

// Collect is for Prometheus.
func (c *ageCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if at, ok := c.newest(ctx); ok {
		ch <- prometheus.MustNewConstMetric(ageDesc, prometheus.GaugeValue, c.now().Sub(at).Seconds())
	}
}

// remembered is the last answer to a question that is not to be asked of the bucket with every request.
type remembered[T any] struct {
	keep time.Duration
	now  func() time.Time
	ask  func(ctx context.Context, before T) T

	mu    sync.Mutex
	at    time.Time
	value T
}

// get asks unless the last answer is fresh. One asks at a time, and those who wait get the answer.
func (m *remembered[T]) get(ctx context.Context) T {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.now(); m.at.IsZero() || now.Sub(m.at) >= m.keep || now.Before(m.at) {
		m.value = m.ask(ctx, m.value)
		m.at = now
	}
	return m.value
}
