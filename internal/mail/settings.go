package mail

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
)

// Languages that mails are written in.
var Languages = []string{"en", "de"}

// What settings refuse.
var (
	ErrEvent    = fault.New(fault.Unprocessable, "unknown_event", "There is no such event.")
	ErrEnforced = fault.New(fault.Unprocessable, "enforced", "Mails about this cannot be turned off.")
	ErrLanguage = fault.New(fault.Unprocessable, "unknown_language", "Mails are written in English (en) or German (de).")
)

// Settings are what a workspace wants by mail.
type Settings struct {
	Language string
	Off      []string // names of events
}

// Mails tells whether e is mailed.
func (s Settings) Mails(e Event) bool { return e.Enforced || !slices.Contains(s.Off, e.Name) }

type settingsRow struct {
	WorkspaceID string `gorm:"primaryKey"`
	Language    string
	Off         []string `gorm:"serializer:json"`
	UpdatedAt   time.Time
}

func (settingsRow) TableName() string { return "notification_settings" }

func settingsOf(db *gorm.DB, workspace string) (Settings, error) {
	r := settingsRow{Language: Languages[0]}
	err := db.Where("workspace_id = ?", workspace).Limit(1).Find(&r).Error
	return Settings{Language: r.Language, Off: r.Off}, err
}

// SettingsOf are the settings of by's workspace.
func (s *Service) SettingsOf(ctx context.Context, by actor.Actor) (Settings, error) {
	return settingsOf(s.DB.Read(ctx), by.Workspace)
}

// Change sets what the workspace wants by mail.
func (s *Service) Change(ctx context.Context, by actor.Actor, want Settings) error {
	if !slices.Contains(Languages, want.Language) {
		return ErrLanguage
	}
	off := []string{} // in the order of Events, each once
	for _, e := range Events {
		switch {
		case !slices.Contains(want.Off, e.Name):
		case e.Enforced:
			return ErrEnforced.With("event", e.Name)
		default:
			off = append(off, e.Name)
		}
	}
	for _, name := range want.Off {
		if !slices.Contains(off, name) {
			return ErrEvent
		}
	}
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		if err := directory.RequireManager(tx, by); err != nil {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		was, err := settingsOf(tx.DB, by.Workspace)
		if err != nil {
			return err
		}
		if was.Language == want.Language && slices.Equal(was.Off, off) {
			return nil
		}
		r := settingsRow{WorkspaceID: by.Workspace, Language: want.Language, Off: off, UpdatedAt: now}
		if err := tx.Save(&r).Error; err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "notifications.changed", by.Workspace, audit.Detail{"off": off, "language": want.Language}, now)
	})
}
