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

const (
	soughtMost = 10
	namedAlike = 100 // people with the same trait among whom the best are shown
)

// traits are the ways by which somebody may be sought, each with an index of its own: SQLite reads the whole table for an OR.
var traits = []struct{ column, of string }{
	{"p.user_name_key", isLive}, {"p.email_key", isLive}, {"p.external_id", isLive}, {"p.name_key", isLive},
	{"p.user_name_key", isGone}, {"p.email_key", isGone}, {"p.external_id", isGone}, {"p.name_key", isGone},
}

// Seek looks for a person of a workspace by what people know of each other: userName, any e-mail address, externalId, id, or the whole name.
func Seek(db *gorm.DB, workspace, text string) ([]Sought, error) {
	text = strings.TrimSpace(text)
	key := Key(text)
	ids := "SELECT CAST(? AS text) AS id UNION SELECT id FROM (SELECT person_id AS id FROM person_emails WHERE workspace_id = ? AND value_key = ? LIMIT ?) o"
	args := []any{text, workspace, key, namedAlike}
	for _, t := range traits {
		said := key
		if t.column == "p.external_id" {
			said = text
		}
		ids += " UNION SELECT id FROM (SELECT p.id FROM people p WHERE p.workspace_id = ? AND " + t.column + " = ? AND " + t.of + " LIMIT ?) o"
		args = append(args, workspace, said, namedAlike)
	}
	var out []Sought
	err := db.Raw("SELECT id, source, active, user_name, name, email, COALESCE(external_id, '') AS external_id, created_at, updated_at, deleted_at FROM people"+
		" WHERE id IN ("+ids+") AND workspace_id = ? AND forgotten_at IS NULL ORDER BY CASE WHEN deleted_at IS NULL THEN 0 ELSE 1 END, active DESC, updated_at DESC LIMIT ?",
		append(args, workspace, soughtMost)...).Scan(&out).Error
	return out, err
}

// Awaited are the names of the teams that named a person who has not come, by the id or externalId they named.
func Awaited(db *gorm.DB, workspace, text string) ([]string, error) {
	var names []string
	err := db.Raw("SELECT t.display_name FROM team_pending p JOIN teams t ON t.id = p.team_id AND t.deleted_at IS NULL"+
		" WHERE p.workspace_id = ? AND p.member_id = ? ORDER BY t.display_name LIMIT ?", workspace, strings.TrimSpace(text), soughtMost).Scan(&names).Error
	return names, err
}
