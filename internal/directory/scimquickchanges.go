package directory

import (
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/countersign/countersign/internal/database"
)

// userChanges are the changes of locked people that a batch makes.
type userChanges struct {
	plain  []userChange
	active []userChange // of active alone
}

// userChange is one of them: the values of its statement, and the rows that tell of it.
type userChange struct {
	id      string
	args    []any
	event   []any
	receipt []any // nil for who stays
	row     Row
}

// userUpdate is a statement that writes a change, for one person and for many.
type userUpdate struct {
	one, many, columns string
}

var (
	updatePlain = userUpdate{
		one: "UPDATE people SET name = ?, name_key = ?, email = ?, email_key = ?, external_id = ?, attributes = ?, search = ?, active = ?, version = ?, updated_at = ?" +
			" WHERE id = ? RETURNING id",
		many: "UPDATE people SET name = v.name, name_key = v.name_key, email = v.email, email_key = v.email_key, external_id = v.external_id," +
			" attributes = v.attributes::jsonb, search = v.search::jsonb, active = v.active, version = v.version, updated_at = v.at",
		columns: "name, name_key, email, email_key, external_id, attributes, search, active, version, at, id",
	}
	// updateActive leaves alone what has not changed: then Postgres need not write the row's indexes, nor its attributes.
	updateActive = userUpdate{
		one:     "UPDATE people SET active = ?, version = ?, updated_at = ? WHERE id = ? RETURNING id",
		many:    "UPDATE people SET active = v.active, version = v.version, updated_at = v.at",
		columns: "active, version, at, id",
	}
)

// queue appends the statements that write the changes.
func (c *userChanges) queue(batch *pgx.Batch) {
	updatePlain.queue(batch, c.plain)
	updateActive.queue(batch, c.active)
}

func (u userUpdate) queue(batch *pgx.Batch, changes []userChange) {
	if m, ok := u.together(changes); ok {
		batch.Queue(m.sql.String(), m.args...)
		return
	}
	for _, c := range changes {
		var receipt []beside
		if c.receipt != nil {
			receipt = []beside{{"INSERT INTO " + receiptColumns + " SELECT " + marks(len(c.receipt)) + " FROM made", c.receipt}}
		}
		tell(batch, u.one, c.args, c.event, c.row, receipt...)
	}
}

// together is the one statement for several changes; not ok where there is but one, or one that is not like the others.
func (u userUpdate) together(changes []userChange) (m *manyRows, ok bool) {
	if len(changes) < 2 {
		return nil, false
	}
	m = &manyRows{}
	values, events, ids, rows := make([][]any, len(changes)), make([][]any, len(changes)), make([]string, len(changes)), make([]Row, len(changes))
	var left []string // whose receipts these are
	var receipts [][]any
	for i, c := range changes {
		values[i], events[i], ids[i], rows[i] = c.args, database.Args(c.event...), c.id, c.row
		if c.receipt != nil {
			left, receipts = append(left, c.id), append(receipts, database.Args(c.receipt...))
		}
	}
	m.sql.WriteString("WITH made AS (" + u.many + " FROM ")
	if !m.unnest(values) {
		return nil, false
	}
	m.sql.WriteString(" AS v (" + u.columns + ") WHERE people.id = v.id RETURNING people.id)")
	if len(receipts) > 0 {
		last := len(receipts[0]) - 1
		if !m.beside("receipts", receiptColumns, names(last, "v.c%d")+fmt.Sprintf(", v.c%d::jsonb", last), left, receipts) {
			return nil, false
		}
	}
	if !m.tell(ids, events, rows) {
		return nil, false
	}
	m.sql.WriteString(" SELECT id FROM made")
	return m, true
}
