package device

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/countersign/countersign/internal/database"
)

// What phones ask at the same moment is read and recorded together on Postgres: there a statement costs a round trip, and most of its work does
// not depend on how many rows it is about. On SQLite there are no round trips.

// readLanes is how many reads of phones are under way at once.
const readLanes = 4

const readLive = `SELECT id, workspace_id, person_id, name, platform, os, app, uv_key, poll_key, key_protection, server_kid, vapid_kid, state, push_kind, push_key,
	push_address, push_state, push_detail, push_registered_at, push_delivered_at, created_at, activated_at, last_seen_at, removed_at, removed_reason
	FROM devices WHERE id = ANY($1) AND state <> $2`

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

const (
	keepAll = `INSERT INTO device_requests (device_id, jti, expires_at) SELECT d.id, k.jti, k.expires_at
		FROM unnest($1::text[], $2::bytea[], $3::timestamptz[]) AS k (device_id, jti, expires_at)
		CROSS JOIN LATERAL (SELECT o.id FROM devices o WHERE o.id = k.device_id AND o.state <> $4 FOR SHARE) d
		ON CONFLICT DO NOTHING RETURNING device_id, jti`
	forgetAll = `DELETE FROM device_requests r USING unnest($1::text[], $2::bytea[]) AS k (device_id, jti) WHERE r.device_id = k.device_id AND r.jti = k.jti`
)

// RecordAll is Record for several plain calls, as a statement of a transaction of the caller's: kept is called, when the statement has run, with
// the index of each call that was recorded. Of the others somebody has to say, with Record, why not. The phones are shared in the order of ids.
func RecordAll(b *pgx.Batch, calls []Signed, kept func(i int)) {
	at := map[string]int{}
	for i, c := range calls {
		at[mark(c.Device.ID, c.jti)] = i
	}
	sorted := slices.SortedFunc(slices.Values(calls), func(a, b Signed) int {
		return cmp.Or(strings.Compare(a.Device.ID, b.Device.ID), bytes.Compare(a.jti, b.jti))
	})
	expires := make([]time.Time, len(calls))
	for i, c := range sorted {
		expires[i] = c.at.Add(jtiLife)
	}
	ids, jtis := named(sorted)
	b.Queue(keepAll, ids, jtis, expires, string(Removed)).Query(func(rows pgx.Rows) error {
		var id string
		var jti []byte
		_, err := pgx.ForEachRow(rows, []any{&id, &jti}, func() error {
			kept(at[mark(id, jti)])
			return nil
		})
		return err
	})
}

// ForgetAll takes back, in the transaction of RecordAll, calls that were recorded and come to be recorded by somebody else.
func ForgetAll(b *pgx.Batch, calls []Signed) {
	ids, jtis := named(calls)
	b.Queue(forgetAll, ids, jtis)
}

func named(calls []Signed) (ids []string, jtis [][]byte) {
	for _, c := range calls {
		ids, jtis = append(ids, c.Device.ID), append(jtis, c.jti)
	}
	return ids, jtis
}

func mark(device string, jti []byte) string { return device + "|" + string(jti) }

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
