// Package notice keeps what one person is told in the console about their own sign-in and about those whom they look after: a new phone, a
// recovery, a refusal. A notice is written in the transaction of what it tells. It knows neither what is told nor in which words.
package notice

import (
	"context"
	"encoding/json"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
)

const (
	most    = 100                 // notices of one answer; older ones stay until they are swept
	keepFor = 90 * 24 * time.Hour // seen or not
)

// Params is what a notice's sentence is filled with: names, numbers and times. It is shown, so never a secret.
type Params map[string]any

// Notice is one sentence to one person.
type Notice struct {
	ID        string
	Kind      string // such as "device.added"; the screens have the words
	Params    map[string]any
	CreatedAt time.Time
	SeenAt    *time.Time
}

type row struct {
	ID          string
	WorkspaceID string
	PersonID    string
	Kind        string
	Params      map[string]any `gorm:"serializer:json"`
	CreatedAt   time.Time
	SeenAt      *time.Time
}

func (row) TableName() string { return "notices" }

func (r row) notice() Notice {
	return Notice{ID: r.ID, Kind: r.Kind, Params: r.Params, CreatedAt: r.CreatedAt, SeenAt: r.SeenAt}
}

// Tell writes one notice for each of people, who are ids of persons of workspace; a person named twice is told once.
func Tell(tx database.Tx, workspace string, people []string, kind string, params Params, now time.Time) error {
	if params == nil {
		params = Params{}
	}
	body, err := json.Marshal(params)
	if err != nil {
		return err
	}
	told := map[string]bool{}
	for _, person := range people {
		if told[person] || person == "" {
			continue
		}
		told[person] = true
		err := tx.Exec("INSERT INTO notices (id, workspace_id, person_id, kind, params, created_at) VALUES (?, ?, ?, ?, ?, ?)",
			ident.New("ntc"), workspace, person, kind, string(body), now).Error
		if err != nil {
			return err
		}
	}
	return nil
}

// Of are a person's notices, the newest first, at most a hundred, and how many of all of theirs are not seen yet.
func Of(db *gorm.DB, by actor.Actor) (items []Notice, unseen int64, err error) {
	var rows []row
	err = db.Where("workspace_id = ? AND person_id = ?", by.Workspace, by.Person).Order("created_at DESC, id DESC").Limit(most).Find(&rows).Error
	if err != nil {
		return nil, 0, err
	}
	items = make([]Notice, len(rows))
	for i, r := range rows {
		items[i] = r.notice()
	}
	err = db.Model(&row{}).Where("workspace_id = ? AND person_id = ? AND seen_at IS NULL", by.Workspace, by.Person).Count(&unseen).Error
	return items, unseen, err
}

// Seen notes that a person has read a notice of theirs; the first time counts. Another person's is ErrNotFound.
func Seen(ctx context.Context, db *database.DB, by actor.Actor, id string) error {
	return db.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		var n int64
		mine := tx.Model(&row{}).Where("id = ? AND workspace_id = ? AND person_id = ?", id, by.Workspace, by.Person)
		if err := mine.Count(&n).Error; err != nil {
			return err
		}
		if n == 0 {
			return fault.ErrNotFound
		}
		return tx.Model(&row{}).Where("id = ? AND workspace_id = ? AND person_id = ? AND seen_at IS NULL", id, by.Workspace, by.Person).
			Updates(map[string]any{"seen_at": now}).Error
	})
}

// Sweep deletes notices older than ninety days; what they told stays in the audit.
func Sweep(ctx context.Context, db *database.DB) error {
	return db.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return tx.Where("created_at < ?", now.Add(-keepFor)).Delete(&row{}).Error
	})
}

// Outgoing is a notice on its way to other channels than the console.
type Outgoing struct {
	ID        string
	Workspace string
	Person    string
	Kind      string
	Params    map[string]any
	CreatedAt time.Time
}

// HandOn takes up to most notices that nobody has taken yet, the oldest first. They count as taken when tx is committed; two callers at once
// never take the same.
func HandOn(tx database.Tx, most int, now time.Time) ([]Outgoing, error) {
	var rows []row
	if err := tx.SkipLocked().Where("handed_on_at IS NULL").Order("created_at, id").Limit(most).Find(&rows).Error; err != nil || len(rows) == 0 {
		return nil, err
	}
	ids, out := make([]string, len(rows)), make([]Outgoing, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
		out[i] = Outgoing{ID: r.ID, Workspace: r.WorkspaceID, Person: r.PersonID, Kind: r.Kind, Params: r.Params, CreatedAt: r.CreatedAt}
	}
	return out, tx.Model(&row{}).Where("id IN ?", ids).Updates(map[string]any{"handed_on_at": now}).Error
}

// Span is when notices were handed on: from a time on, of which First (written at FirstAt) and those after it count, until before another.
type Span struct {
	From, Until time.Time
	First       string
	FirstAt     time.Time
}

// HandedOn are the notices of a kind that a person was handed in a span of time, the oldest first.
func HandedOn(db *gorm.DB, workspace, person, kind string, in Span) ([]Notice, error) {
	var rows []row
	err := db.Where("workspace_id = ? AND person_id = ? AND kind = ? AND handed_on_at >= ? AND handed_on_at < ?", workspace, person, kind, in.From, in.Until).
		Where("handed_on_at > ? OR created_at > ? OR created_at = ? AND id >= ?", in.From, in.FirstAt, in.FirstAt, in.First).
		Order("created_at, id").Find(&rows).Error
	out := make([]Notice, len(rows))
	for i, r := range rows {
		out[i] = r.notice()
	}
	return out, err
}
