package serverkeys

import (
	"context"
	"fmt"
)

// Check says whether every key of the server can be opened, that is, whether the keyset is the one this database was made with. A database
// without keys passes: the first use makes them.
func (k *Keys) Check(ctx context.Context) error {
	var rows []row
	if err := k.db.Read(ctx).Find(&rows).Error; err != nil {
		return err
	}
	for _, r := range rows {
		if _, err := k.vault.Open(r.Sealed, about(r.Purpose, r.Kid)); err != nil {
			return fmt.Errorf("the server's %s key: %w", r.Purpose, err)
		}
	}
	return nil
}
