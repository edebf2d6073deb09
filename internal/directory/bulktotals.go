package directory

import "github.com/countersign/countersign/internal/database"

// counted makes a change of many rows of people or teams; do says how many more of them SCIM sees afterwards. On Postgres they are added to the
// kept total here, at once: the trigger would add each row by itself, and each addition to one row in one transaction takes longer than the one
// before.
func counted(tx database.Tx, workspace, table string, do func() (more int64, err error)) error {
	if tx.Dialect() != database.Postgres {
		_, err := do()
		return err
	}
	if err := tx.Exec("SELECT set_config('countersign.counts', 'itself', true)").Error; err != nil {
		return err
	}
	more, err := do()
	if err != nil {
		return err // which takes back the setting with all the rest
	}
	return tx.Exec("SELECT set_config('countersign.counts', '', true), CASE WHEN CAST(? AS bigint) <> 0 THEN scim_totals_add(?, ?, ?) END", more, workspace, table, more).Error
}
