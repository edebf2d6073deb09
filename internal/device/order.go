package device

import "github.com/countersign/countersign/internal/database"

// HoldOf keeps all phones of a person from changing until tx ends, in the order of their ids. Who ends phones and confirmations of a person in
// one transaction does this between the person's lock and the first confirmation; everybody takes them in that order.
func HoldOf(tx database.Tx, person string) error {
	var ids []string
	return tx.Lock().Model(&row{}).Where("person_id = ? AND state <> ?", person, Removed).Order("id").Pluck("id", &ids).Error
}
