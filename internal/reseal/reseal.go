// Package reseal brings what lies sealed in the database under the keyset's newest key, a little at a time while the service runs, and says
// what is still sealed with which key, and which processes have which keys. It knows where sealed things lie, not what they are.
package reseal

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/vault"
)

// batch is how many rows one transaction seals anew.
const batch = 100

// Count says how many values are sealed with each key of the keyset, by its id.
func Count(db *gorm.DB, p vault.Place) (map[uint32]int64, error) {
	var rows []struct {
		Prefix []byte
		N      int64
	}
	err := db.Table(p.Table).Select(fmt.Sprintf("substr(%s, 1, 5) AS prefix, COUNT(*) AS n", p.Column)).Where(fmt.Sprintf("length(%s) > 0", p.Column)).
		Group(fmt.Sprintf("substr(%s, 1, 5)", p.Column)).Scan(&rows).Error
	out := map[uint32]int64{}
	for _, r := range rows {
		id, _ := vault.KeyID(r.Prefix) // 0 for what no keyset of ours sealed
		out[id] += r.N
	}
	return out, err
}

// Run seals anew what is sealed with another key than the one that seals now, and says how many values that were and how many could not be
// opened. A value that changes meanwhile is left alone: whoever changed it sealed it with the newest key.
func Run(ctx context.Context, db *database.DB, v *vault.Vault, p vault.Place) (done, unopened int, err error) {
	seals := vault.Prefix(v.Info().Primary)
	var after []string
	for ctx.Err() == nil {
		rows, err := find(db.Read(ctx), p, seals, after)
		if err != nil || len(rows) == 0 {
			return done, unopened, err
		}
		n, bad, err := again(ctx, db, v, p, rows)
		done, unopened = done+n, unopened+bad
		if err != nil || len(rows) < batch {
			return done, unopened, err
		}
		after = rows[len(rows)-1].key
	}
	return done, unopened, ctx.Err()
}

// sealed is a value and where it lies.
type sealed struct {
	key   []string
	value []byte
}

// find reads the next values that another key sealed, in the order of their rows.
func find(db *gorm.DB, p vault.Place, seals []byte, after []string) ([]sealed, error) {
	q := db.Table(p.Table).Select(append(append([]string{}, p.Key...), p.Column)).
		Where(fmt.Sprintf("length(%s) > 0 AND substr(%s, 1, 5) <> ?", p.Column, p.Column), seals).Limit(batch)
	columns, marks := "", ""
	for i, k := range p.Key {
		if i > 0 {
			columns, marks = columns+", ", marks+", "
		}
		columns, marks = columns+k, marks+"?"
	}
	q = q.Order(columns)
	if after != nil {
		args := make([]any, len(after))
		for i, a := range after {
			args[i] = a
		}
		q = q.Where(fmt.Sprintf("(%s) > (%s)", columns, marks), args...)
	}
	rows, err := q.Rows()
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []sealed
	for rows.Next() {
		s := sealed{key: make([]string, len(p.Key))}
		into := make([]any, 0, len(p.Key)+1)
		for i := range s.key {
			into = append(into, &s.key[i])
		}
		if err := rows.Scan(append(into, &s.value)...); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// again seals a batch anew in one transaction.
func again(ctx context.Context, db *database.DB, v *vault.Vault, p vault.Place, rows []sealed) (done, unopened int, err error) {
	type change struct {
		sealed
		fresh []byte
	}
	var changes []change
	for _, r := range rows { // before the transaction: others need not wait for this
		plain, err := v.Open(r.value, p.About(r.key))
		if err != nil {
			unopened++
			continue
		}
		fresh, err := v.Seal(plain, p.About(r.key))
		if err != nil {
			return 0, unopened, err
		}
		changes = append(changes, change{r, fresh})
	}
	err = db.InTx(ctx, func(tx database.Tx) error {
		done = 0
		for _, c := range changes {
			q := tx.Table(p.Table).Where(p.Column+" = ?", c.value)
			for i, k := range p.Key {
				q = q.Where(k+" = ?", c.key[i])
			}
			res := q.Updates(map[string]any{p.Column: c.fresh})
			if res.Error != nil {
				return res.Error
			}
			done += int(res.RowsAffected)
		}
		return nil
	})
	return done, unopened, err
}
