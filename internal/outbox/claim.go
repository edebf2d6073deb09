package outbox

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
)

const due = "dead_at IS NULL AND run_at <= ? AND (lease_until IS NULL OR lease_until < ?)"

// kinds narrows a query to what is urgent, or to what can wait.
func (o *Outbox) kinds(q *gorm.DB, patient bool) *gorm.DB {
	switch {
	case patient:
		return q.Where("kind IN ?", o.patient)
	case len(o.patient) > 0:
		return q.Where("kind NOT IN ?", o.patient)
	}
	return q
}

// claim leases what is due, the oldest first, to this process. After an error nothing was claimed, or nobody knows; then the lease gives it back.
func (o *Outbox) claim(ctx context.Context, patient bool, most int, look bool) (rows []row, err error) {
	ctx, cancel := context.WithTimeout(ctx, bookkeeping)
	defer cancel()
	now, err := o.db.Now(ctx)
	if err != nil {
		return nil, err
	}
	if o.db.Dialect == database.Postgres {
		rows, err = o.claimAtOnce(ctx, patient, most, now)
	} else {
		rows, err = o.claimPlainly(ctx, patient, most, now, look)
	}
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(rows, func(a, b row) int { return a.RunAt.Compare(b.RunAt) })
	return rows, nil
}

// claimPlainly is claim for SQLite, where a transaction holds the one writer, so it looks first.
func (o *Outbox) claimPlainly(ctx context.Context, patient bool, most int, now time.Time, look bool) (rows []row, err error) {
	if look {
		var first row
		res := o.kinds(o.db.Read(ctx).Select("id").Where(due, now, now), patient).Limit(1).Find(&first)
		if res.Error != nil || res.RowsAffected == 0 {
			return nil, res.Error
		}
	}
	err = o.db.InTx(ctx, func(tx database.Tx) error {
		if err := o.kinds(tx.Where(due, now, now), patient).Order("run_at").Limit(most).Find(&rows).Error; err != nil || len(rows) == 0 {
			return err
		}
		ids := make([]string, len(rows))
		for i, r := range rows {
			ids[i] = r.ID
		}
		return tx.Model(&row{}).Where("id IN ?", ids).Updates(map[string]any{"lease_until": now.Add(lease), "attempts": gorm.Expr("attempts + 1")}).Error
	})
	return rows, err
}

// atOnce claims in one round trip; where nothing is due it writes nothing. The rows are chosen before any is changed: a plan that chose again for
// each row would take more than it was asked for.
const atOnce = `WITH due AS MATERIALIZED (SELECT id FROM outbox WHERE dead_at IS NULL AND run_at <= $1 AND (lease_until IS NULL OR lease_until < $1)
		AND (kind = ANY($2)) = $3 ORDER BY run_at LIMIT $4 FOR UPDATE SKIP LOCKED)
	UPDATE outbox o SET lease_until = $5, attempts = o.attempts + 1 FROM due WHERE o.id = due.id
	RETURNING o.id, o.kind, o.payload, o.run_at, o.give_up_at, o.attempts - 1`

func (o *Outbox) claimAtOnce(ctx context.Context, patient bool, most int, now time.Time) (all []row, err error) {
	kinds := append([]string{}, o.patient...)
	err = o.db.Native(ctx, func(c *pgx.Conn) error {
		rows, err := c.Query(ctx, atOnce, now, kinds, patient, most, now.Add(lease))
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(found pgx.CollectableRow) (r row, err error) {
			return r, found.Scan(&r.ID, &r.Kind, &r.Payload, &r.RunAt, &r.GiveUpAt, &r.Attempts)
		})
		return err
	})
	return all, err
}

// remove forgets tasks that are done.
func (o *Outbox) remove(ctx context.Context, ids []string) ([]struct{}, error) {
	ctx, cancel := context.WithTimeout(ctx, bookkeeping)
	defer cancel()
	out := make([]struct{}, len(ids))
	if o.db.Dialect == database.Postgres {
		return out, o.db.Native(ctx, func(c *pgx.Conn) error {
			_, err := c.Exec(ctx, "DELETE FROM outbox WHERE id = ANY($1)", ids)
			return err
		})
	}
	return out, o.db.InTx(ctx, func(tx database.Tx) error { return tx.Where("id IN ?", ids).Delete(&row{}).Error })
}

// Adding begins a statement of the caller's, on Postgres, that is Add for several tasks: what follows it selects, for each, an id, a kind, a payload,
// when it was made, when it is due and when to give it up. After the commit the caller calls Wake.
const Adding = "INSERT INTO outbox (id, kind, payload, created_at, run_at, give_up_at) "
