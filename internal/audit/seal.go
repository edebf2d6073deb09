package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/failpoint"
)

// Key signs what is sealed.
type Key struct {
	Kid  string
	Sign func(message []byte) ([]byte, error)
}

// PublicKey is a key that signs or has signed seals. Announcement is signed by it and names the key that took over; nil for the current one.
type PublicKey struct {
	Kid          string
	SPKI         []byte
	Announcement []byte
	Sig          []byte
}

// Deps is what chains are made with.
type Deps struct {
	DB      *database.DB
	Current func(context.Context) (Key, error)     // the key that signs now
	Public  func(db *gorm.DB) ([]PublicKey, error) // all keys that ever signed, oldest first
	Log     *slog.Logger
}

// Chains seals the events of every workspace: committed rows get their place, hash and signature within a second. Writers never wait for it,
// because it touches committed events alone and has a row of its own to lock. Make it with NewChains.
type Chains struct{ Deps }

// NewChains seals events of d.DB.
func NewChains(d Deps) *Chains { return &Chains{d} }

const (
	sealEvery = 400 * time.Millisecond
	sealMost  = 500 // events of one seal, so that one transaction is short
	afterLoss = 5 * time.Second
)

// chainRow is where a workspace's chain stands.
type chainRow struct {
	WorkspaceID   string `gorm:"primaryKey"`
	Position      int64
	Head          []byte
	RetentionDays int
	PrunedTo      int64
	PrunedHash    []byte
	PrunedAt      *time.Time
	PrunedKid     string
	PrunedSig     []byte
}

func (chainRow) TableName() string { return "audit_chains" }

func (r chainRow) cut() Cut {
	c := Cut{To: r.PrunedTo, Hash: r.PrunedHash, Kid: r.PrunedKid, Sig: r.PrunedSig}
	if r.PrunedAt != nil {
		c.At = r.PrunedAt.UTC()
	}
	return c
}

// Run seals until ctx ends. Each process runs one; a chain that another is sealing is passed over.
func (c *Chains) Run(ctx context.Context) {
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		next := sealEvery
		if err := c.Seal(ctx); err != nil && ctx.Err() == nil {
			c.Log.Error("audit: events stay unsealed for now", "err", err)
			next = afterLoss
		}
		wait.Reset(next)
	}
}

// Seal seals everything that is committed, in all workspaces by turns.
func (c *Chains) Seal(ctx context.Context) error {
	for {
		var open []string
		err := c.DB.Read(ctx).Raw("SELECT DISTINCT workspace_id FROM audit_events WHERE position IS NULL ORDER BY workspace_id").Scan(&open).Error
		if err != nil || len(open) == 0 {
			return err
		}
		key, err := c.Current(ctx)
		if err != nil {
			return err
		}
		more, failed := false, error(nil)
		for _, w := range open {
			n, err := c.sealOne(ctx, w, key)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("workspace %s: %w", w, err))
			}
			more = more || n == sealMost
		}
		if failed != nil || !more || ctx.Err() != nil {
			return failed
		}
	}
}

// sealOne seals the next run of a workspace's events, and says how many; 0 while another process is at it.
func (c *Chains) sealOne(ctx context.Context, workspace string, key Key) (n int, err error) {
	err = c.DB.InTx(ctx, func(tx database.Tx) error {
		n = 0
		r, ok, err := hold(tx, workspace)
		if err != nil || !ok {
			return err
		}
		if n, err = extend(tx, &r, key); err == nil && n > 0 {
			failpoint.Reach("sealing")
			tx.AfterCommit(func() { failpoint.Reach("sealed") })
		}
		return err
	})
	return n, err
}

// hold locks a workspace's chain for the transaction, beginning it where there is none; not ok while somebody else holds it.
func hold(tx database.Tx, workspace string) (r chainRow, ok bool, err error) {
	err = tx.SkipLocked().Where("workspace_id = ?", workspace).Take(&r).Error
	if !errors.Is(err, gorm.ErrRecordNotFound) {
		return r, err == nil, err
	}
	r = chainRow{WorkspaceID: workspace, Head: Start(workspace), RetentionDays: RetentionDays}
	res := tx.Exec("INSERT INTO audit_chains (workspace_id, position, head, retention_days) VALUES (?, 0, ?, ?) ON CONFLICT (workspace_id) DO NOTHING",
		workspace, r.Head, r.RetentionDays)
	return r, res.RowsAffected == 1, res.Error
}

// linkColumns are the columns of a Link. Detail is text on both databases.
const linkColumns = "workspace_id AS workspace, COALESCE(position, 0) AS position, id, at, event, actor_kind, actor_id, actor_name, subject, ip, user_agent," +
	" CAST(detail AS text) AS detail, salt, who_hash, what_hash, hash"

// links reads events with their details in canonical form.
func links(db *gorm.DB, rest string, args ...any) ([]Link, error) {
	rows, err := db.Raw("SELECT "+linkColumns+" FROM audit_events "+rest, args...).Rows()
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []Link
	for rows.Next() {
		var l Link
		var written string
		if err := rows.Scan(&l.Workspace, &l.Position, &l.ID, &l.At, &l.Event, &l.ActorKind, &l.ActorID, &l.ActorName, &l.Subject, &l.IP, &l.UserAgent, &written,
			&l.Salt, &l.WhoHash, &l.WhatHash, &l.Hash); err != nil {
			return nil, err
		}
		l.At = l.At.UTC()
		if l.Detail, err = canonical([]byte(written)); err != nil { // somebody wrote it by hand; it is hashed and shown as it is
			l.Detail = []byte(written)
		}
		out = append(out, l)
	}
	return out, rows.Err()
}

// extend chains and signs the next run of events behind r, which the transaction holds.
func extend(tx database.Tx, r *chainRow, key Key) (int, error) {
	run, err := links(tx.DB, "WHERE workspace_id = ? AND position IS NULL ORDER BY at, id LIMIT ?", r.WorkspaceID, sealMost)
	if err != nil || len(run) == 0 {
		return 0, err
	}
	first := r.Position + 1
	for i := range run {
		l := &run[i]
		l.Position, l.Salt = r.Position+1, make([]byte, 2*halfSalt)
		_, _ = rand.Read(l.Salt) // never fails
		l.Hash = l.Chained(r.Head)
		r.Position, r.Head = l.Position, l.Hash
	}
	if err := place(tx, run); err != nil {
		return 0, err
	}
	now, err := tx.Now()
	if err != nil {
		return 0, err
	}
	s := Seal{WorkspaceID: r.WorkspaceID, First: first, Last: r.Position, Head: r.Head, SealedAt: now.UTC().Truncate(time.Microsecond), Kid: key.Kid}
	if s.Sig, err = key.Sign(s.message()); err != nil {
		return 0, err
	}
	if err := tx.Create(&s).Error; err != nil {
		return 0, err
	}
	return len(run), tx.Model(&chainRow{}).Where("workspace_id = ?", r.WorkspaceID).
		Updates(map[string]any{"position": r.Position, "head": r.Head}).Error
}

// place writes what sealing adds to a run of events.
func place(tx database.Tx, run []Link) error {
	sealed, err := placing(tx, run)
	if err == nil && sealed != int64(len(run)) {
		return fmt.Errorf("audit: %d events were read to be sealed and %d were found", len(run), sealed)
	}
	return err
}

const sealing = " UPDATE audit_events SET position = v.position, hash = v.hash, salt = v.salt, area = v.area FROM v" +
	" WHERE audit_events.id = v.id AND audit_events.position IS NULL"

// placing says how many events it has found. On Postgres the statement is the same whatever the number, so that it is planned once.
func placing(tx database.Tx, run []Link) (int64, error) {
	if tx.Dialect() == database.SQLite {
		return placingRows(tx, run)
	}
	ids, areas, positions := make([]string, len(run)), make([]string, len(run)), make([]int64, len(run))
	hashes, salts := make([][]byte, len(run)), make([][]byte, len(run))
	for i, l := range run {
		ids[i], areas[i], positions[i], hashes[i], salts[i] = l.ID, Area(l.Event), l.Position, l.Hash, l.Salt
	}
	res, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context, "WITH v AS (SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::bytea[], $5::text[])"+
		" AS u (id, position, hash, salt, area))"+sealing, ids, positions, hashes, salts, areas)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func placingRows(tx database.Tx, run []Link) (int64, error) {
	args := make([]any, 0, 5*len(run))
	for _, l := range run {
		args = append(args, l.ID, l.Position, l.Hash, l.Salt, Area(l.Event))
	}
	values := strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?, ?), ", len(run)), ", ")
	res, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context, "WITH v (id, position, hash, salt, area) AS (VALUES "+values+")"+sealing, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Tail is what is not sealed yet.
type Tail struct {
	Events int64         // 10,000 at most are counted
	Oldest time.Duration // how long the oldest has waited; 0 where there is none
}

// Unsealed is the tail of one workspace, or of all for "".
func (c *Chains) Unsealed(ctx context.Context, workspace string) (Tail, error) {
	where, args := "position IS NULL", []any{}
	if workspace != "" {
		where, args = "position IS NULL AND workspace_id = ?", append(args, workspace)
	}
	var waiting []time.Time
	err := c.DB.Read(ctx).Raw("SELECT at FROM audit_events WHERE "+where+" LIMIT 10000", args...).Scan(&waiting).Error
	if err != nil || len(waiting) == 0 {
		return Tail{}, err
	}
	now, err := c.DB.Now(ctx)
	if err != nil {
		return Tail{}, err
	}
	t := Tail{Events: int64(len(waiting))}
	for _, at := range waiting {
		t.Oldest = max(t.Oldest, now.Sub(at))
	}
	return t, nil
}
