package device

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/countersign/countersign/internal/database"
)

// What phones ask at the same moment is read and recorded together on Postgres: there a statement costs a round trip, and most of its work does
// not depend on how many rows it is about. On SQLite there are no round trips.

// readLanes is how many reads of phones are under way at once.
const readLanes = 2

const readLive = `SELECT id, workspace_id, person_id, name, platform, os, app, uv_key, poll_key, key_protection, server_kid, vapid_kid, state, push_kind, push_key,
	push_address, push_state, push_detail, push_registered_at, push_delivered_at, created_at, activated_at, last_seen_at, removed_at, removed_reason
	FROM devices WHERE id = ANY((SELECT $1::text[])::text[]) AND state <> $2`

// live reads phones that are not removed; nil for one that is, or was never there.
func (s *Service) live(ctx context.Context, ids []string) ([]*row, error) {
	out := make([]*row, len(ids))
	return out, s.DB.Native(ctx, func(c *pgx.Conn) error {
		rows, err := c.Query(ctx, readLive, database.Args(ids, string(Removed))...)
		if err != nil {
			return err
		}
		all, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByName[row])
		for _, r := range all {
			for i, id := range ids {
				if id == r.ID {
					out[i] = r
				}
			}
		}
		return err
	})
}

// Plain says whether recording the call is all that is to be written of it: the phone was heard of a moment ago.
func (r Signed) Plain() bool { return !r.seen }

// Parts of a statement of the caller's that records plain calls, as Record does, with what they bring. Of a call that it does not record somebody
// has to say, with Record, why not.
const (
	// Sharing shares phones that are not removed and that nobody else holds, in the order of their ids, which stand as an array in place of %s.
	Sharing = "SELECT id FROM devices WHERE id = ANY(%s) AND state <> 'removed' ORDER BY id FOR SHARE SKIP LOCKED"
	// Keeping begins what keeps calls: what follows it selects, for each, its device, its jti and when it may be forgotten. It fails for one that came
	// before.
	Keeping = "INSERT INTO device_requests (device_id, jti, expires_at) "
)

// Kept are a call's columns after its device, for Keeping.
func (r Signed) Kept() (jti []byte, until time.Time) { return r.jti, r.at.Add(jtiLife) }

// ReadAll reads phones that are not removed, as a statement of the caller's, and hands each to found.
func ReadAll(b *pgx.Batch, ids []string, found func(Device)) {
	b.Queue(readLive, ids, string(Removed)).Query(func(rows pgx.Rows) error {
		all, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByName[row])
		for _, r := range all {
			found(r.device())
		}
		return err
	})
}

// Reached is a phone whose provider has taken a push to the address with the key.
type Reached struct {
	Workspace, ID, Key string
	At                 time.Time
}

const (
	lockReached = "SELECT FROM devices WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE"
	setReached  = `UPDATE devices d SET push_state = 'working', push_detail = '', push_delivered_at = k.at
		FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) AS k (workspace, id, key, at)
		WHERE d.id = k.id AND d.workspace_id = k.workspace AND d.push_key = k.key`
)

// ReachedAll is Pushed for several pushes that were taken, as statements of a transaction of the caller's. It locks the phones in the order of
// their ids.
func ReachedAll(b *pgx.Batch, all []Reached) {
	last := map[string]Reached{}
	for _, r := range all {
		if before, known := last[r.ID]; !known || r.At.After(before.At) {
			last[r.ID] = r
		}
	}
	var workspaces, ids, keys []string
	var at []time.Time
	for _, r := range last {
		workspaces, ids, keys, at = append(workspaces, r.Workspace), append(ids, r.ID), append(keys, r.Key), append(at, r.At)
	}
	b.Queue(lockReached, ids)
	b.Queue(setReached, workspaces, ids, keys, at)
}
