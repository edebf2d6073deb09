package directory

import (
	"strings"
	"time"

	"gorm.io/gorm"
)

// Sought is somebody who may be the person that is looked for, also one who is deleted, inactive or was added here.
type Sought struct {
	ID         string
	Source     Source
	Active     bool
	UserName   string
	Name       string
	Email      string
	ExternalID string
	CreatedAt  time.Time
	UpdatedAt  time.Time
	DeletedAt  *time.Time
}

const soughtMost = 10

// Seek looks for a person of a workspace by what people know of each other: userName, any e-mail address, externalId, id, or the whole name.
func Seek(db *gorm.DB, workspace, text string) ([]Sought, error) {
	text = strings.TrimSpace(text)
	key := Key(text)
	var out []Sought
	err := db.Raw("SELECT id, source, active, user_name, name, email, COALESCE(external_id, '') AS external_id, created_at, updated_at, deleted_at FROM people"+
		" WHERE workspace_id = ? AND forgotten_at IS NULL AND (user_name_key = ? OR email_key = ? OR external_id = ? OR id = ? OR name_key = ?"+
		" OR id IN (SELECT person_id FROM person_emails WHERE workspace_id = ? AND value_key = ?))"+
		" ORDER BY CASE WHEN deleted_at IS NULL THEN 0 ELSE 1 END, active DESC, updated_at DESC LIMIT ?",
		workspace, key, key, text, text, key, workspace, key, soughtMost).Scan(&out).Error
	return out, err
}

// Awaited are the names of the teams that named a person who has not come, by the id or externalId they named.
func Awaited(db *gorm.DB, workspace, text string) ([]string, error) {
	var names []string
	err := db.Raw("SELECT t.display_name FROM team_pending p JOIN teams t ON t.id = p.team_id AND t.deleted_at IS NULL"+
		" WHERE p.workspace_id = ? AND p.member_id = ? ORDER BY t.display_name LIMIT ?", workspace, strings.TrimSpace(text), soughtMost).Scan(&names).Error
	return names, err
}
