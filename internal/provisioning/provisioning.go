// Package provisioning keeps the log of what identity providers do over SCIM, and tells from it alone how the synchronisation fares. A change
// and its row are written in one transaction; a call that changed nothing is written a moment later, with others. Rows hold no secret:
// passwords and tokens are taken out before anything is kept, and the request as it was sent lies sealed for a month.
package provisioning

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/vault"
)

const (
	// DefaultRetention is how long a workspace keeps its log unless it says otherwise.
	DefaultRetention = 180 * 24 * time.Hour
	// RawFor is how long the request as it was sent can be opened and replayed.
	RawFor = 30 * 24 * time.Hour
)

// What the log refuses.
var (
	ErrNoRow    = fault.New(fault.NotFound, "not_found", "There is no such call in the log.")
	ErrNoRaw    = fault.New(fault.Expired, "raw_gone", "The request as it was sent is kept for 30 days, and not at all where it was not JSON.")
	ErrNoReplay = fault.New(fault.Conflict, "not_replayable", "Only a call that creates, changes or deletes can be replayed, one at a time.")
	ErrCursor   = fault.New(fault.Invalid, "bad_cursor", "This page cannot be found any more. Start from the first one.")
	ErrFilter   = fault.New(fault.Invalid, "bad_filter", "One of the filters has a value that it does not know.")
	ErrKeeping  = fault.New(fault.Invalid, "bad_retention", "The log is kept for 30 to 730 days.")
)

// Log is the provisioning log of all workspaces. Make it with New; Run writes what waits.
type Log struct {
	db       *database.DB
	vault    *vault.Vault
	log      *slog.Logger
	waiting  waiting
	known    known
	dropped  atomic.Int64
	scanMost int
}

// New is the log over db; requests are sealed with v.
func New(db *database.DB, v *vault.Vault, log *slog.Logger) *Log {
	l := &Log{db: db, vault: v, log: log, known: known{of: map[string]Client{}}, scanMost: scanMost}
	l.waiting.kick = make(chan struct{}, 1)
	return l
}

// Now is the clock by which rows are dated: the database's, read seldom.
func (l *Log) Now(ctx context.Context) (time.Time, error) { return l.db.Now(ctx) }

// Dropped is how many rows this process could not write and gave up, because the database was away for too long.
func (l *Log) Dropped() int64 { return l.dropped.Load() }
