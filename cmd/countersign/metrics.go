package main

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/outbox"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/server"
)

// metrics are few and never name a workspace or a person. The registry is its own, so that two services fit into one test.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	pushes   *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "countersign_request_seconds", Help: "Requests by site, route and class of status.",
			Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, 1, 5, 30}}, []string{"site", "method", "route", "class"}),
		pushes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "countersign_pushes_total", Help: "Pushes by provider and outcome."}, []string{"provider", "outcome"}),
	}
	m.registry.MustRegister(m.requests, m.pushes, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// observe hears of each request.
func (m *metrics) observe(site, method, route string, status int, took time.Duration) {
	if route == "" {
		route = "other" // files and unknown paths: never what somebody typed
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		method = "other"
	}
	m.requests.WithLabelValues(site, method, route, strconv.Itoa(status/100)+"xx").Observe(took.Seconds())
}

// gauge adds a number that is read when somebody looks.
func (m *metrics) gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "countersign_" + name, Help: help}, read))
}

// outbox adds what waits, what was given up and how late the oldest is.
func (m *metrics) outbox(o *outbox.Outbox, log *slog.Logger) {
	m.registry.MustRegister(outboxStats{o, log,
		prometheus.NewDesc("countersign_outbox_tasks", "Tasks in the outbox by state.", []string{"state"}, nil),
		prometheus.NewDesc("countersign_outbox_oldest_seconds", "Age of the oldest task that is due.", nil, nil)})
}

// handler serves the registry beside the profiles.
func (m *metrics) handler() http.Handler {
	return server.Diagnostics(promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
}

type outboxStats struct {
	outbox        *outbox.Outbox
	log           *slog.Logger
	tasks, oldest *prometheus.Desc
}

// Describe is prometheus.Collector.
func (s outboxStats) Describe(ch chan<- *prometheus.Desc) { ch <- s.tasks; ch <- s.oldest }

// Collect is prometheus.Collector.
func (s outboxStats) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	st, err := s.outbox.Stats(ctx)
	if err != nil {
		s.log.Warn("metrics: outbox", "err", err)
		return
	}
	ch <- prometheus.MustNewConstMetric(s.tasks, prometheus.GaugeValue, float64(st.Waiting), "waiting")
	ch <- prometheus.MustNewConstMetric(s.tasks, prometheus.GaugeValue, float64(st.Dead), "dead")
	ch <- prometheus.MustNewConstMetric(s.oldest, prometheus.GaugeValue, st.Oldest.Seconds())
}

// counted counts what a sender does and writes one line for each push.
type counted struct {
	push.Sender
	metrics *metrics
	log     *slog.Logger
}

// Send is push.Sender.
func (c counted) Send(ctx context.Context, to push.Address, m push.Message) push.Result {
	r := c.Sender.Send(ctx, to, m)
	c.metrics.pushes.WithLabelValues(string(to.Kind), string(r.Outcome)).Inc()
	c.log.Info("push", "provider", string(to.Kind), "outcome", string(r.Outcome), "reason", r.Reason, "confirmation", m.Confirmation)
	return r
}

// audit adds the tail that is not sealed: it should be a second old at most.
func (m *metrics) audit(c *audit.Chains, log *slog.Logger) {
	m.registry.MustRegister(auditTail{c, log,
		prometheus.NewDesc("countersign_audit_unsealed_events", "Committed audit events that are not sealed yet, 10,000 at most.", nil, nil),
		prometheus.NewDesc("countersign_audit_unsealed_seconds", "Age of the oldest of them.", nil, nil)})
}

type auditTail struct {
	chains       *audit.Chains
	log          *slog.Logger
	events, aged *prometheus.Desc
}

// Describe is prometheus.Collector.
func (s auditTail) Describe(ch chan<- *prometheus.Desc) { ch <- s.events; ch <- s.aged }

// Collect is prometheus.Collector.
func (s auditTail) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	t, err := s.chains.Unsealed(ctx, "")
	if err != nil {
		s.log.Warn("metrics: audit", "err", err)
		return
	}
	ch <- prometheus.MustNewConstMetric(s.events, prometheus.GaugeValue, float64(t.Events))
	ch <- prometheus.MustNewConstMetric(s.aged, prometheus.GaugeValue, t.Oldest.Seconds())
}
