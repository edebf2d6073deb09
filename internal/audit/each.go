package audit

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
)

// eachAtOnce is how many events one statement of RecordEach writes.
const eachAtOnce = 500

// RecordEach writes the same event of many subjects with few statements.
func RecordEach(tx database.Tx, by actor.Actor, event string, subjects []string, detail Detail, now time.Time) error {
	const row = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), "
	for some := range slices.Chunk(subjects, eachAtOnce) {
		args := make([]any, 0, len(some)*strings.Count(row, "?"))
		for _, subject := range some {
			values, err := Row(by, event, subject, maps.Clone(detail), now)
			if err != nil {
				return err
			}
			args = append(args, values...)
		}
		err := tx.Exec("INSERT INTO audit_events ("+Columns+") VALUES "+strings.TrimSuffix(strings.Repeat(row, len(some)), ", "), args...).Error
		if err != nil {
			return err
		}
	}
	return nil
}
