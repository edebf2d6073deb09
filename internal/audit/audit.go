// Package audit keeps what was done and by whom, in the transaction of what it tells. Rows are appended, never changed; they hold no secret.
// Committed rows are chained and signed within a second by Chains, workspace by workspace; what can be exported is checked by Verify without
// a database. The package knows no HTTP and does not know where keys come from.
package audit

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/ident"
)

// Event is one thing that happened.
type Event struct {
	ID          string
	WorkspaceID string
	At          time.Time
	Event       string // such as "token.viewed"
	ActorKind   string
	ActorID     string
	ActorName   string
	Subject     string // id of what it happened to
	IP          string
	UserAgent   string
	Detail      map[string]any `gorm:"serializer:json"`
}

// TableName is gorm's.
func (Event) TableName() string { return "audit_events" }

// Detail is what an event needs beside who, what and when; it is stored as JSON and shown to admins, so never a secret.
type Detail map[string]any

// Record writes one event in tx.
func Record(tx database.Tx, by actor.Actor, event, subject string, detail Detail) error {
	now, err := tx.Now()
	if err != nil {
		return err
	}
	return RecordAt(tx, by, event, subject, detail, now)
}

// RecordAt is Record for a caller that has read the transaction's clock already.
func RecordAt(tx database.Tx, by actor.Actor, event, subject string, detail Detail, now time.Time) error {
	row, err := Row(by, event, subject, detail, now)
	if err != nil {
		return err
	}
	return tx.Exec("INSERT INTO audit_events ("+Columns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row...).Error
}

// Columns are the columns of an event, for a statement that writes events together with what they tell.
const Columns = "id, workspace_id, at, event, actor_kind, actor_id, actor_name, subject, ip, user_agent, detail"

// Row is an event as a row of Columns.
func Row(by actor.Actor, event, subject string, detail Detail, now time.Time) ([]any, error) {
	if detail == nil {
		detail = Detail{}
	}
	if by.Kind == actor.Device {
		detail["device"] = by.Device
	}
	if by.Key != "" {
		detail["api_key"] = by.Key
	}
	body := []byte("{}")
	if len(detail) > 0 {
		var err error
		if body, err = plain(detail); err != nil {
			return nil, err
		}
		if bytes.Contains(body, []byte(`\u0000`)) { // Postgres keeps no NUL, escaped or not
			if body, err = withoutNUL(body); err != nil {
				return nil, err
			}
		}
	}
	return []any{ident.New("evt"), by.Workspace, now, event, string(by.Kind), id(by), by.Name, subject, by.IP, by.UserAgent, string(body)}, nil
}

// Newest are a workspace's last events, newest first.
func Newest(db *gorm.DB, workspace string, limit int) ([]Event, error) {
	var out []Event
	err := db.Where("workspace_id = ?", workspace).Order("at DESC, id DESC").Limit(limit).Find(&out).Error
	return out, err
}

func id(by actor.Actor) string {
	switch by.Kind {
	case actor.Provider:
		return by.Token
	default:
		return by.Person
	}
}

// withoutNUL puts U+FFFD in the place of every NUL in the texts of a JSON object.
func withoutNUL(body []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return plain(clean(v))
}

func clean(v any) any {
	switch t := v.(type) {
	case string:
		return strings.ReplaceAll(t, "\x00", "\uFFFD")
	case []any:
		for i := range t {
			t[i] = clean(t[i])
		}
	case map[string]any:
		for k, inner := range t {
			delete(t, k)
			t[strings.ReplaceAll(k, "\x00", "\uFFFD")] = clean(inner)
		}
	}
	return v
}
