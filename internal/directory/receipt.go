package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
)

// witness counts one sort of thing that ends with a person.
type witness struct{ what, count string }

// Witness adds to receipts how many of what a person had: count is a SELECT with one argument, the person's id. All are counted by one statement,
// behind the lock on the person and before anything ends. It is called while the service is put together.
func (s *Service) Witness(what, count string) {
	s.witnesses = append(s.witnesses, witness{what, count})
}

// Trace says where something lies that ends with a person: a SELECT with one argument, the person's id, that finds a row where there is, or ever was,
// such a thing. A person without any trace is deactivated without looking for what ends. There has to be a trace for everything that the functions
// given to New end, and for every witness. It is called while the service is put together.
func (s *Service) Trace(sql string) { s.traces = append(s.traces, sql) }

// Causes of an offboarding.
const (
	causeDeactivated = "deactivated"
	causeDeleted     = "deleted"
)

// Offboarding is the receipt of how a person lost their access: it was written in the transaction that took it.
type Offboarding struct {
	ID          string
	PersonID    string
	PersonName  string
	UserName    string
	Cause       string // deactivated or deleted
	ActorKind   string
	ActorName   string
	RequestedAt time.Time // when the request came in
	EndedAt     time.Time // when the access was taken; calls of the console, of phones and of SCIM are refused from then on
	Ended       []Ended
}

// Ended is what ended with a person, and when.
type Ended struct {
	What  string    `json:"what"`
	Count int       `json:"count"`
	At    time.Time `json:"at"`
}

type arrivalKey struct{}

// Arrived notes in a context when the request came in, for receipts.
func Arrived(ctx context.Context, at time.Time) context.Context {
	return context.WithValue(ctx, arrivalKey{}, at)
}

// offboard ends what must not outlive p, and writes the receipt.
func (s *Service) offboard(tx database.Tx, by actor.Actor, p Person, cause string, at time.Time) error {
	start := time.Now()
	counts, err := s.count(tx, p.ID)
	if err != nil {
		return err
	}
	if p.Role.Admin() { // nobody else gives or receives an ownership
		if err := endTransfersOf(tx, by, p.ID, cause, at); err != nil {
			return err
		}
	}
	for _, f := range s.onDeactivated {
		if err := f(tx, by, p, at); err != nil {
			return err
		}
	}
	values, err := s.receipt(tx.Statement.Context, by, p, cause, counts, at, at.Add(time.Since(start)))
	if err != nil {
		return err
	}
	return tx.Exec("INSERT INTO "+receiptColumns+" VALUES ("+marks(len(values))+")", values...).Error
}

const receiptColumns = "offboardings (id, workspace_id, person_id, person_name, user_name, cause, actor_kind, actor_id, actor_name, requested_at, ended_at, ended)"

// receipt are the values of receiptColumns for a person who lost their access at a time; the last of what the witnesses have counted was ended at ended.
func (s *Service) receipt(ctx context.Context, by actor.Actor, p Person, cause string, counts []int, at, ended time.Time) ([]any, error) {
	requested := at
	if came, ok := ctx.Value(arrivalKey{}).(time.Time); ok && came.Before(at) {
		requested = came.UTC().Truncate(time.Microsecond)
	}
	list := make([]Ended, len(s.witnesses))
	for i, w := range s.witnesses {
		list[i] = Ended{What: w.what, Count: counts[i], At: ended.UTC().Truncate(time.Microsecond)}
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	actorID := by.Person
	if by.Kind == actor.Provider {
		actorID = by.Token
	}
	return []any{ident.New("off"), p.Workspace, p.ID, p.Name, p.UserName, cause, string(by.Kind), actorID, by.Name, requested, at, string(text)}, nil
}

// count counts, in one statement, what a person has.
func (s *Service) count(tx database.Tx, person string) ([]int, error) {
	out := make([]int, len(s.witnesses))
	if len(out) == 0 {
		return out, nil
	}
	var parts []string
	var args []any
	for i, w := range s.witnesses {
		parts = append(parts, fmt.Sprintf("SELECT %d AS n, (%s) AS count", i, w.count))
		args = append(args, person)
	}
	var rows []struct{ N, Count int }
	err := tx.Raw(strings.Join(parts, " UNION ALL "), args...).Scan(&rows).Error
	for _, r := range rows {
		out[r.N] = r.Count
	}
	return out, err
}

type offboardingRow struct {
	ID          string
	WorkspaceID string
	PersonID    string
	PersonName  string
	UserName    string
	Cause       string
	ActorKind   string
	ActorName   string
	RequestedAt time.Time
	EndedAt     time.Time
	Ended       string
}

func (offboardingRow) TableName() string { return "offboardings" }

func (r offboardingRow) offboarding() (Offboarding, error) {
	o := Offboarding{ID: r.ID, PersonID: r.PersonID, PersonName: r.PersonName, UserName: r.UserName, Cause: r.Cause, ActorKind: r.ActorKind, ActorName: r.ActorName,
		RequestedAt: r.RequestedAt, EndedAt: r.EndedAt}
	return o, json.Unmarshal([]byte(r.Ended), &o.Ended)
}

// Offboardings is a page of a workspace's receipts, newest first; those of one person, where person is set.
func Offboardings(db *gorm.DB, workspace, person, after string, limit int) ([]Offboarding, string, error) {
	limit = pageSize(limit)
	find := db.Where("workspace_id = ?", workspace).Order("ended_at DESC, id DESC").Limit(limit + 1)
	if person != "" {
		find = find.Table("offboardings"+database.Along(db, "offboardings_person")).Where("person_id = ?", person)
	}
	if after != "" {
		at, id, err := parseCursor(after)
		if err != nil {
			return nil, "", err
		}
		find = find.Where("(ended_at, id) < (?, ?)", at, id)
	}
	var rows []offboardingRow
	if err := find.Find(&rows).Error; err != nil {
		return nil, "", err
	}
	next := ""
	if len(rows) > limit {
		rows = rows[:limit]
		next = cursor(rows[limit-1].EndedAt, rows[limit-1].ID)
	}
	out := make([]Offboarding, len(rows))
	for i, r := range rows {
		var err error
		if out[i], err = r.offboarding(); err != nil {
			return nil, "", err
		}
	}
	return out, next, nil
}

// FindOffboarding reads one receipt of a workspace.
func FindOffboarding(db *gorm.DB, workspace, id string) (Offboarding, error) {
	var r offboardingRow
	err := db.Where("workspace_id = ? AND id = ?", workspace, id).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Offboarding{}, fault.ErrNotFound
	}
	if err != nil {
		return Offboarding{}, err
	}
	return r.offboarding()
}
