package directory

import (
	"cmp"
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/scim"
)

// longestAlias is how many characters an alias may have.
const longestAlias = 100

// ErrAlias refuses what cannot be a team's alias.
var ErrAlias = fault.New(fault.Invalid, "bad_alias", "An alias has at most 100 characters, all of which can be seen.")

// NameTeam gives a team the name by which people know it here; "" takes it away. The directory's own name stays what it is, and the directory
// hears nothing of it.
func (s *Service) NameTeam(ctx context.Context, by actor.Actor, id, alias string) error {
	alias = strings.TrimSpace(alias)
	if utf8.RuneCountInString(alias) > longestAlias || !utf8.ValidString(alias) || strings.ContainsFunc(alias, unicode.IsControl) {
		return ErrAlias
	}
	return s.db.InTx(ctx, func(tx database.Tx) error {
		if err := RequireManager(tx, by); err != nil {
			return err
		}
		t, err := FindTeam(tx.DB, by.Workspace, id)
		if err != nil || t.Alias == alias {
			return err
		}
		err = tx.Table("teams").Where("workspace_id = ? AND id = ? AND deleted_at IS NULL", by.Workspace, id).
			Updates(map[string]any{"alias": alias, "alias_key": Key(alias)}).Error
		if err != nil {
			return err
		}
		return audit.Record(tx, by, "team.alias_changed", id, audit.Detail{"name": t.Name, "alias": cmp.Or(alias, t.Name)})
	})
}

// teamsByAlias are the first teams whose alias begins with a key.
func teamsByAlias(find *gorm.DB, key string, limit int) ([]Team, error) {
	var rows []Team
	err := find.Where("t.alias_key <> '' AND t.alias_key >= ? AND t.alias_key < ?", key, key+"\U0010FFFF").Order("t.alias_key").Limit(limit).Scan(&rows).Error
	return rows, err
}

// teamsNamed are the first teams whose name or alias begins with a text, those with the name first.
func teamsNamed(db *gorm.DB, workspace, key string, limit int) ([]Team, error) {
	if !scim.Storable(key) {
		return nil, nil
	}
	var rows []Team
	err := teamsIn(db, workspace).Where("t.display_name_key >= ? AND t.display_name_key < ?", key, key+"\U0010FFFF").Order("t.display_name_key").Limit(limit).Scan(&rows).Error
	if err != nil || len(rows) == limit {
		return rows, err
	}
	known := make(map[string]bool, len(rows))
	for _, t := range rows {
		known[t.ID] = true
	}
	more, err := teamsByAlias(teamsIn(db, workspace), key, limit)
	for _, t := range more {
		if !known[t.ID] && len(rows) < limit {
			rows = append(rows, t)
		}
	}
	return rows, err
}
