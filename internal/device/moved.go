package device

import (
	"encoding/json"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/push"
)

// Moved corrects where a phone is pushed to, unless it has registered anew meanwhile: the same token in Apple's other environment.
func (s *Service) Moved(tx database.Tx, workspace, id string, from, to push.Address) error {
	body, err := json.Marshal(to)
	if err != nil {
		return err
	}
	return tx.Model(&row{}).Where("workspace_id = ? AND id = ? AND push_key = ?", workspace, id, from.Key()).
		Updates(map[string]any{"push_address": string(body), "push_key": to.Key()}).Error
}
