package server

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	checkTime = 2 * time.Second // a check that takes longer has failed
	checkKept = time.Second     // anybody may ask, so the database is asked at most once in this time
)

// Check is one thing that must work for requests to be answered.
type Check struct {
	Name string
	Do   func(context.Context) error
}

// Health answers /healthz (the process runs) and /readyz (it can do its work and is not stopping).
type Health struct {
	checks   []Check
	stopping atomic.Bool

	mu     sync.Mutex
	at     time.Time
	failed []string
}

// NewHealth is ready when every check passes.
func NewHealth(checks ...Check) *Health { return &Health{checks: checks} }

// Stop makes readiness fail from now on, so that no new work is sent here.
func (h *Health) Stop() { h.stopping.Store(true) }

// Failed are the names of the checks that do not pass now.
func (h *Health) Failed(ctx context.Context) []string {
	if h.stopping.Load() {
		return []string{"stopping"}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.at) < checkKept {
		return h.failed
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTime)
	defer cancel()
	h.failed = nil
	for _, c := range h.checks {
		if c.Do(ctx) != nil { // why is in the log of who uses it; a stranger only learns what
			h.failed = append(h.failed, c.Name)
		}
	}
	h.at = time.Now()
	return h.failed
}

func (h *Health) mount(r gin.IRoutes) {
	r.GET("/healthz", func(c *gin.Context) {
		c.Header("Cache-Control", "no-store")
		c.JSON(http.StatusOK, gin.H{"status": "ok"})
	})
	r.GET("/readyz", func(c *gin.Context) {
		c.Header("Cache-Control", "no-store")
		if failed := h.Failed(c.Request.Context()); len(failed) > 0 {
			c.JSON(http.StatusServiceUnavailable, gin.H{"status": "not_ready", "failed": failed})
			return
		}
		c.JSON(http.StatusOK, gin.H{"status": "ready"})
	})
}
