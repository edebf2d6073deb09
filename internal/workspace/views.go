package workspace

import (
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
)

// ErrShownOnce refuses to show what is kept as a hash alone.
var ErrShownOnce = fault.New(fault.Conflict, "shown_once", "Only the hash of this token is kept, because it was shown while each token was shown once. Regenerate it to get a new one.")

// The ways in which a token comes before somebody's eyes.
const (
	ViewedToken      = "viewed"
	RegeneratedToken = "regenerated"
	PrintedToken     = "printed" // on the operator's own terminal
)

const mostViews = 100 // receipts of a token that are shown

// View is the receipt of one time that a token was handed out: to whom, where, and what the page reported afterwards.
type View struct {
	ID        string // of the confirmation that it was handed out for
	Token     string
	Kind      string
	Person    string // id, "" for an operator
	Name      string
	Device    string // name of the phone that approved
	IP        string
	UserAgent string
	At        time.Time
	Shown     int // how often the page had it in clear, and hid it
	Hidden    int
	Copied    int
	CopiedAt  *time.Time // first
	ClosedAt  *time.Time // last
}

type viewRow struct {
	ID          string
	WorkspaceID string
	TokenID     string
	Kind        string
	PersonID    string
	PersonName  string
	Device      string
	IP          string `gorm:"column:ip"`
	UserAgent   string
	At          time.Time
	Shown       int
	Hidden      int
	Copied      int
	CopiedAt    *time.Time
	ClosedAt    *time.Time
}

func (viewRow) TableName() string { return "scim_token_views" }

// Handed writes the receipt of a token that is handed out in tx, and notes that it has been on a screen. Where each token is shown once, only
// its hash is kept from now on. confirmation is "" on the operator's own terminal.
func (s *Service) Handed(tx database.Tx, by actor.Actor, t Token, kind, confirmation, device string, now time.Time) error {
	if confirmation == "" {
		confirmation = ident.New("cnf")
	}
	person := by.Person
	if by.Kind == actor.Operator {
		person = ""
	}
	r := viewRow{ID: confirmation, WorkspaceID: t.Workspace, TokenID: t.ID, Kind: kind, PersonID: person, PersonName: by.Name, Device: device,
		IP: by.IP, UserAgent: clip(by.UserAgent, 256), At: now}
	if err := tx.Create(&r).Error; err != nil {
		return err
	}
	if err := s.Shown(tx, t.Workspace, t.ID, now); err != nil {
		return err
	}
	if kind != ViewedToken {
		return nil // of a regeneration everybody is told anyway
	}
	return s.say(tx, Event{Kind: TokenViewed, Workspace: t.Workspace, By: by, Token: t.ID, At: now, Params: Params{"hint": t.Hint, "person": by.Name}})
}

// Shown notes that a token has been on a screen. Where each is shown once, it is kept as a hash alone from then on.
func (s *Service) Shown(tx database.Tx, workspace, id string, now time.Time) error {
	err := tx.Model(&tokenRow{}).Where("workspace_id = ? AND id = ? AND shown_at IS NULL", workspace, id).Updates(map[string]any{"shown_at": now}).Error
	if err != nil {
		return err
	}
	ws, err := Find(tx.DB, workspace)
	if err != nil || !ws.ShowOnce {
		return err
	}
	return forget(tx, workspace)
}

// Showable refuses a token of which the hash alone is kept, also where the rule was dropped since.
func Showable(db *gorm.DB, workspace, id string) error {
	var gone int64
	err := db.Model(&tokenRow{}).Where("workspace_id = ? AND id = ? AND length(sealed) = 0", workspace, id).Count(&gone).Error
	if err == nil && gone > 0 {
		return ErrShownOnce
	}
	return err
}

// forget keeps of the tokens that were shown no more than their hashes.
func forget(tx database.Tx, workspace string) error {
	return tx.Model(&tokenRow{}).Where("workspace_id = ? AND shown_at IS NOT NULL", workspace).Updates(map[string]any{"sealed": []byte{}}).Error
}

// Reported counts what the page that shows a token says happens to it: shown, hidden, copied or closed. A token handed out otherwise has no
// receipt, and nothing is counted.
func Reported(tx database.Tx, by actor.Actor, confirmation, event string, now time.Time) error {
	to := map[string]any{}
	switch event {
	case "shown", "hidden":
		to[event] = gorm.Expr(event + " + 1")
	case "copied":
		to["copied"], to["copied_at"] = gorm.Expr("copied + 1"), gorm.Expr("COALESCE(copied_at, ?)", now)
	case "closed":
		to["closed_at"] = now
	default:
		return nil
	}
	return tx.Model(&viewRow{}).Where("id = ? AND workspace_id = ? AND person_id = ?", confirmation, by.Workspace, by.Person).Updates(to).Error
}

// Views are the receipts of a token, newest first, at most a hundred, and how many there are of it.
func Views(db *gorm.DB, workspace, token string) (views []View, total int64, err error) {
	var rows []viewRow
	err = db.Where("workspace_id = ? AND token_id = ?", workspace, token).Order("at DESC, id DESC").Limit(mostViews).Find(&rows).Error
	if err != nil {
		return nil, 0, err
	}
	views = make([]View, len(rows))
	for i, r := range rows {
		views[i] = View{ID: r.ID, Token: r.TokenID, Kind: r.Kind, Person: r.PersonID, Name: r.PersonName, Device: r.Device, IP: r.IP, UserAgent: r.UserAgent,
			At: r.At, Shown: r.Shown, Hidden: r.Hidden, Copied: r.Copied, CopiedAt: r.CopiedAt, ClosedAt: r.ClosedAt}
	}
	err = db.Model(&viewRow{}).Where("workspace_id = ? AND token_id = ?", workspace, token).Count(&total).Error
	return views, total, err
}
