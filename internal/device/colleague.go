package device

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/limit"
	"github.com/countersign/countersign/internal/notice"
)

const (
	appealLife  = 24 * time.Hour // of a question to a colleague
	mostAsked   = 5              // questions of one person in an hour; there is no limit for who is asked, so nobody can use it up
	longestNote = 200            // characters
)

// What asking a colleague refuses.
var (
	ErrNothingLost = fault.New(fault.Conflict, "nothing_to_recover", "You never had a paired phone, so there is nothing to recover. Pair your first one.")
	ErrApprover    = fault.New(fault.Conflict, "not_an_approver", "This person cannot approve your recovery: they need the role for it and a paired phone of their own.")
	ErrAskedOften  = fault.New(fault.Limited, "rate_limited", "Too many requests: 5 in an hour. A request that is open already stays open.")
	ErrAppealOver  = fault.New(fault.Conflict, "request_ended", "This request has ended already. Nothing was changed.")
	ErrWordsDiffer = fault.New(fault.Conflict, "words_differ", "Those are not the words. The request was refused and both of you were told.")
	ErrCompare     = fault.New(fault.Conflict, "compare_first", "Compare the words first: call the person and pick the words they read to you.")
)

// Appeal is the question of a person who lost their phones to one colleague.
type Appeal struct {
	ID            string
	State         string // open, approved, refused, cancelled or expired
	Reason        string // why it ended
	Person        Named  // who lost their phones
	Email         string
	Approver      Named
	Words         string   // for the session that asked, and for the phone of who approves
	Choices       []string // for the approver: the words among others, in an order that says nothing
	Note          string   // what the person wrote
	IP, UserAgent string   // where it was asked from
	Compared      bool     // the approver picked the right words
	Own           bool     // asked by the very session that looks
	CreatedAt     time.Time
	ExpiresAt     time.Time
	DecidedAt     *time.Time
}

type appealRow struct {
	ID             string
	WorkspaceID    string
	PersonID       string
	SessionHash    []byte
	ApproverID     string
	Words          string
	Decoys         []string `gorm:"serializer:json"`
	Note           string
	IP             string `gorm:"column:ip"`
	UserAgent      string
	State          string
	Reason         string
	CreatedAt      time.Time
	ExpiresAt      time.Time
	ComparedAt     *time.Time
	DecidedAt      *time.Time
	ConfirmationID *string
}

func (appealRow) TableName() string { return "recovery_requests" }

// now is the state at an instant, whether or not the sweeper has written it.
func (r appealRow) now(now time.Time) string {
	if r.State == "open" && !now.Before(r.ExpiresAt) {
		return "expired"
	}
	return r.State
}

// mayApprove is the rule of who helps whom: Owner and Super Admins everybody but themselves, Admins those who are none.
func mayApprove(approver, person directory.Person) bool {
	if approver.ID == person.ID || !approver.Active {
		return false
	}
	return approver.Role.Manager() || approver.Role == directory.Admin && !person.Role.Admin()
}

// Approvers are the colleagues whom a person may ask: they have the role for it and a paired phone.
func Approvers(db *gorm.DB, workspace, person string) ([]Named, error) {
	who, err := directory.Find(db, workspace, person)
	if err != nil {
		return nil, err
	}
	roles := []directory.Role{directory.Owner, directory.SuperAdmin}
	if !who.Role.Admin() {
		roles = append(roles, directory.Admin)
	}
	var out []Named
	err = db.Raw(`SELECT p.id, p.name FROM people p WHERE p.workspace_id = ? AND p.id <> ? AND p.active = true AND p.deleted_at IS NULL
		AND p.role IN ('owner', 'super_admin', 'admin') AND p.role IN ? -- SQLite finds them by their index
		AND EXISTS (SELECT 1 FROM devices d WHERE d.person_id = p.id AND d.state = ?) ORDER BY p.name, p.id LIMIT 50`, workspace, person, roles, Active).Scan(&out).Error
	return out, err
}

// AskColleague opens a question to one colleague, for the session that asks; an older open one of the person is superseded. It sends nothing
// to anybody's phone: the colleague finds it in the console, calls the person and compares words first. So nobody can be flooded through it.
func (s *Service) AskColleague(ctx context.Context, by actor.Actor, approver, note string) (Appeal, error) {
	id := ident.New("rec")
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := fresh(tx, by)
		if err != nil {
			return err
		}
		person, helper, err := s.pairOf(tx, by, approver)
		if err != nil {
			return err
		}
		if err := askable(tx, by); err != nil {
			return err
		}
		if err := s.endAppeals(tx, by, now, "superseded", "person_id = ? AND workspace_id = ?", by.Person, by.Workspace); err != nil {
			return err
		}
		words := drawWords(3)
		r := appealRow{ID: id, WorkspaceID: by.Workspace, PersonID: by.Person, SessionHash: by.Session, ApproverID: approver, Words: words[0],
			Decoys: words[1:], Note: longText(note), IP: by.IP, UserAgent: by.UserAgent, State: "open", CreatedAt: now, ExpiresAt: now.Add(appealLife)}
		if err := tx.Create(&r).Error; err != nil {
			return err
		}
		params := notice.Params{"request": id, "person": person.Name, "approver": helper.Name, "approver_id": helper.ID, "expires_at": r.ExpiresAt}
		if err := notice.Tell(tx, by.Workspace, []string{by.Person, approver}, "recovery.asked", params, now); err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "recovery.asked", id, audit.Detail{"approver": helper.Name}, now)
	})
	if err != nil {
		return Appeal{}, err
	}
	return s.Appeal(ctx, by, id)
}

// pairOf reads who asks and who shall approve, and holds the rule.
func (s *Service) pairOf(tx database.Tx, by actor.Actor, approver string) (person, helper directory.Person, err error) {
	if person, err = directory.Find(tx.DB, by.Workspace, by.Person); err != nil {
		return person, helper, err
	}
	helper, err = directory.Find(tx.DB, by.Workspace, approver)
	if errors.Is(err, fault.ErrNotFound) || err == nil && !mayApprove(helper, person) {
		return person, helper, ErrApprover
	}
	if err != nil {
		return person, helper, err
	}
	phones, err := ActiveOf(tx.DB, by.Workspace, approver)
	if err == nil && len(phones) == 0 {
		err = ErrApprover
	}
	return person, helper, err
}

// askable: there is something to recover, and the person has not asked too often.
func askable(tx database.Tx, by actor.Actor) error {
	var ever int64
	err := tx.Model(&row{}).Where("workspace_id = ? AND person_id = ? AND activated_at IS NOT NULL", by.Workspace, by.Person).Count(&ever).Error
	if err != nil {
		return err
	}
	if ever == 0 {
		return ErrNothingLost
	}
	n, in, err := limit.Count(tx, "recovery_ask|"+by.Person, time.Hour)
	if err == nil && n > mostAsked {
		err = ErrAskedOften.After(in)
	}
	return err
}

func longText(s string) string {
	words := strings.Fields(strings.ToValidUTF8(s, ""))
	out := make([]string, 0, len(words))
	for _, w := range words {
		out = append(out, Plain(w))
	}
	r := []rune(strings.Join(out, " "))
	return string(r[:min(len(r), longestNote)])
}

// Appeal is a question, for the person who asked and for the colleague who was asked; for everybody else there is none.
func (s *Service) Appeal(ctx context.Context, by actor.Actor, id string) (Appeal, error) {
	var r appealRow
	err := s.DB.Read(ctx).Where("id = ? AND workspace_id = ? AND (person_id = ? OR approver_id = ?)", id, by.Workspace, by.Person, by.Person).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Appeal{}, fault.ErrNotFound
	}
	if err != nil {
		return Appeal{}, err
	}
	return s.present(ctx, by, r)
}

// Asked are the open questions to a colleague, the oldest first.
func (s *Service) Asked(ctx context.Context, by actor.Actor) ([]Appeal, error) {
	now, err := s.DB.Now(ctx)
	if err != nil {
		return nil, err
	}
	var rows []appealRow
	err = s.DB.Read(ctx).Where("workspace_id = ? AND approver_id = ? AND state = ? AND expires_at > ?", by.Workspace, by.Person, "open", now).
		Order("created_at, id").Limit(100).Find(&rows).Error
	return s.presentAll(ctx, by, rows, err)
}

// OwnAppeal is the newest question of a person, if it is younger than a day; nil when there is none.
func (s *Service) OwnAppeal(ctx context.Context, by actor.Actor) (*Appeal, error) {
	now, err := s.DB.Now(ctx)
	if err != nil {
		return nil, err
	}
	var rows []appealRow
	err = s.DB.Read(ctx).Where("workspace_id = ? AND person_id = ? AND created_at > ?", by.Workspace, by.Person, now.Add(-appealLife)).
		Order("created_at DESC, id DESC").Limit(1).Find(&rows).Error
	all, err := s.presentAll(ctx, by, rows, err)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

func (s *Service) presentAll(ctx context.Context, by actor.Actor, rows []appealRow, err error) ([]Appeal, error) {
	out := make([]Appeal, len(rows))
	for i, r := range rows {
		if err == nil {
			out[i], err = s.present(ctx, by, r)
		}
	}
	return out, err
}

// present shows a question as one of the two may see it: who asked sees the words, who was asked the choices.
func (s *Service) present(ctx context.Context, by actor.Actor, r appealRow) (Appeal, error) {
	now, err := s.DB.Now(ctx)
	if err != nil {
		return Appeal{}, err
	}
	db := s.DB.Read(ctx)
	var people []struct{ ID, Name, Email string }
	if err := db.Raw("SELECT id, name, email FROM people WHERE id IN ?", []string{r.PersonID, r.ApproverID}).Scan(&people).Error; err != nil {
		return Appeal{}, err
	}
	out := Appeal{ID: r.ID, State: r.now(now), Reason: r.Reason, Person: Named{ID: r.PersonID}, Approver: Named{ID: r.ApproverID}, Note: r.Note,
		IP: r.IP, UserAgent: r.UserAgent, Compared: r.ComparedAt != nil, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt, DecidedAt: r.DecidedAt}
	for _, p := range people {
		if p.ID == r.PersonID {
			out.Person.Name, out.Email = p.Name, p.Email
		} else {
			out.Approver.Name = p.Name
		}
	}
	out.Own = by.Person == r.PersonID && slices.Equal(by.Session, r.SessionHash)
	switch {
	case out.State != "open":
	case out.Own:
		out.Words = r.Words
	case by.Person == r.ApproverID && out.Compared:
		out.Words = r.Words
	case by.Person == r.ApproverID:
		out.Choices = append([]string{r.Words}, r.Decoys...)
		slices.Sort(out.Choices)
	}
	return out, nil
}

// lockAppeal locks an open question that by may decide about; as is person_id or approver_id.
func lockAppeal(tx database.Tx, by actor.Actor, id, as string) (appealRow, time.Time, error) {
	var r appealRow
	err := tx.Lock().Where("id = ? AND workspace_id = ? AND "+as+" = ?", id, by.Workspace, by.Person).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return r, time.Time{}, fault.ErrNotFound
	}
	if err != nil {
		return r, time.Time{}, err
	}
	now, err := tx.Now()
	if err == nil && r.now(now) != "open" {
		err = ErrAppealOver.With("state", r.now(now))
	}
	return r, now, err
}

// Compare is what the colleague heard on the telephone. Wrong words refuse the question for good: somebody else may be asking.
func (s *Service) Compare(ctx context.Context, by actor.Actor, id, words string) (Appeal, error) {
	var wrong error // a refusal is written down, so its transaction commits
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		r, now, err := lockAppeal(tx, by, id, "approver_id")
		if err != nil {
			return err
		}
		if words != r.Words {
			wrong = ErrWordsDiffer
			return s.endAppeal(tx, by, r, "refused", "words_differ", now)
		}
		if r.ComparedAt != nil {
			return nil
		}
		if err := tx.Model(&appealRow{}).Where("id = ? AND state = ?", id, "open").Updates(map[string]any{"compared_at": now}).Error; err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "recovery.words_compared", id, nil, now)
	})
	if err = errors.Join(err, wrong); err != nil {
		return Appeal{}, err
	}
	return s.Appeal(ctx, by, id)
}

// Approvable is what a colleague's phone is asked about a question: it is open, the words were compared, and the rule still holds.
func Approvable(tx database.Tx, by actor.Actor, id string) (Appeal, error) {
	r, _, err := lockAppeal(tx, by, id, "approver_id")
	if err != nil {
		return Appeal{}, err
	}
	return approvable(tx, by, r)
}

func approvable(tx database.Tx, by actor.Actor, r appealRow) (Appeal, error) {
	person, err := directory.Find(tx.DB, by.Workspace, r.PersonID)
	if err != nil {
		return Appeal{}, err
	}
	helper, err := directory.Find(tx.DB, by.Workspace, by.Person)
	switch {
	case err != nil:
		return Appeal{}, err
	case !person.Active || !mayApprove(helper, person):
		return Appeal{}, ErrApprover
	case r.ComparedAt == nil:
		return Appeal{}, ErrCompare
	}
	return Appeal{ID: r.ID, Person: Named{person.ID, person.Name}, Approver: Named{helper.ID, helper.Name}, Words: r.Words, State: r.State}, nil
}

// ApproveAppeal lets the person pair a new phone from the session that asked; spend consumes the colleague's confirmation, of that id, in the
// same transaction. The lost phones end at once.
func (s *Service) ApproveAppeal(ctx context.Context, by actor.Actor, id, confirmation string, spend func(database.Tx) error) (Appeal, error) {
	var of appealRow
	err := s.DB.Read(ctx).Select("person_id").Where("id = ? AND workspace_id = ? AND approver_id = ?", id, by.Workspace, by.Person).Take(&of).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Appeal{}, fault.ErrNotFound
	}
	if err != nil {
		return Appeal{}, err
	}
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		if err := hold(tx, by.Person, of.PersonID); err != nil {
			return err
		}
		r, now, err := lockAppeal(tx, by, id, "approver_id")
		if err != nil {
			return err
		}
		about, err := approvable(tx, by, r)
		if err != nil {
			return err
		}
		if err := spend(tx); err != nil {
			return err
		}
		return s.approved(tx, by, r, about, confirmation, now)
	})
	if err != nil {
		return Appeal{}, err
	}
	return s.Appeal(ctx, by, id)
}

func (s *Service) approved(tx database.Tx, by actor.Actor, r appealRow, about Appeal, confirmation string, now time.Time) error {
	err := tx.Model(&appealRow{}).Where("id = ? AND state = ?", r.ID, "open").
		Updates(map[string]any{"state": "approved", "decided_at": now, "confirmation_id": confirmation}).Error
	if err != nil {
		return err
	}
	until, err := s.grant(tx, by, r.PersonID, r.SessionHash, byColleague, now)
	if err != nil {
		return err
	}
	params := notice.Params{"person": about.Person.Name, "approver": about.Approver.Name, "until": until}
	if err := s.tell(tx, by.Workspace, "recovery.approved", params, now, r.PersonID, r.ApproverID); err != nil {
		return err
	}
	return audit.RecordAt(tx, by, "recovery.approved", r.ID, audit.Detail{"person": r.PersonID, "confirmation": confirmation, "pair_until": until}, now)
}

// Decline is the colleague's no.
func (s *Service) Decline(ctx context.Context, by actor.Actor, id string) (Appeal, error) {
	return s.finish(ctx, by, id, "approver_id", "refused", "declined")
}

// CancelAppeal is the person taking the question back, from any of their sessions: who did not ask it can stop it.
func (s *Service) CancelAppeal(ctx context.Context, by actor.Actor, id string) (Appeal, error) {
	return s.finish(ctx, by, id, "person_id", "cancelled", "cancelled_by_requester")
}

func (s *Service) finish(ctx context.Context, by actor.Actor, id, as, state, reason string) (Appeal, error) {
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		r, now, err := lockAppeal(tx, by, id, as)
		if err != nil {
			return err
		}
		return s.endAppeal(tx, by, r, state, reason, now)
	})
	if err != nil {
		return Appeal{}, err
	}
	return s.Appeal(ctx, by, id)
}

// endAppeal ends an open question and tells both.
func (s *Service) endAppeal(tx database.Tx, by actor.Actor, r appealRow, state, reason string, now time.Time) error {
	res := tx.Model(&appealRow{}).Where("id = ? AND state = ?", r.ID, "open").Updates(map[string]any{"state": state, "reason": reason, "decided_at": now})
	if res.Error != nil || res.RowsAffected == 0 {
		return res.Error
	}
	var names []struct{ ID, Name string }
	if err := tx.Raw("SELECT id, name FROM people WHERE id IN ?", []string{r.PersonID, r.ApproverID}).Scan(&names).Error; err != nil {
		return err
	}
	params := notice.Params{"request": r.ID, "reason": reason}
	for _, n := range names {
		as := "person"
		if n.ID == r.ApproverID {
			as = "approver"
		}
		params[as] = n.Name
	}
	if err := notice.Tell(tx, r.WorkspaceID, []string{r.PersonID, r.ApproverID}, "recovery."+state, params, now); err != nil {
		return err
	}
	return audit.RecordAt(tx, by, "recovery."+state, r.ID, audit.Detail{"reason": reason}, now)
}

// endAppeals cancels the open questions that a condition picks.
func (s *Service) endAppeals(tx database.Tx, by actor.Actor, now time.Time, reason, where string, args ...any) error {
	var open []appealRow
	if err := tx.Lock().Where(where, args...).Where("state = ?", "open").Order("id").Find(&open).Error; err != nil {
		return err
	}
	for _, r := range open {
		state, why := "cancelled", reason
		if !now.Before(r.ExpiresAt) {
			state, why = "expired", ""
		}
		if err := s.endAppeal(tx, by, r, state, why, now); err != nil {
			return err
		}
	}
	return nil
}

// SweepAppeals writes what time has ended, and tells both.
func (s *Service) SweepAppeals(ctx context.Context) error {
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		var over []appealRow
		if err := tx.SkipLocked().Where("state = ? AND expires_at <= ?", "open", now).Order("id").Limit(100).Find(&over).Error; err != nil {
			return err
		}
		for _, r := range over {
			by := actor.Actor{Kind: actor.System, Workspace: r.WorkspaceID}
			if err := s.endAppeal(tx, by, r, "expired", "", now); err != nil {
				return err
			}
		}
		return nil
	})
}
