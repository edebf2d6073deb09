package provisioning

import (
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/scim"
)

// Candidate is somebody in the directory who may be the person that is missed.
type Candidate struct {
	ID, Name, UserName string
	Local, Active      bool
	OffBy              string // who turned their access off here, "" where the provider did
	ChangedAt          time.Time
	DeletedAt          *time.Time
}

// Verdict is why a person is not here, in one word.
type Verdict string

// The verdicts.
const (
	IsHere       Verdict = "here"         // and active
	IsInactive   Verdict = "inactive"     // the provider turned their access off
	IsDeleted    Verdict = "deleted"      // and may be restored for 30 days
	IsLocal      Verdict = "local"        // was added here; the provider has not sent them
	WasRefused   Verdict = "refused"      // the provider tried, and could not
	WasAsked     Verdict = "asked"        // the provider looked for them and went no further
	WasNeverSent Verdict = "never_sent"   // nothing in the log
	NobodyCalls  Verdict = "never_called" // no provider has called at all
)

// Missing answers "Why is this person not here?".
type Missing struct {
	Verdict   Verdict
	Sentences []Sentence
	People    []Candidate
	Rows      []Row // that the answer rests on, newest first
	Reason    *Reason
	Checks    []string   // what to look at in the provider
	Since     *time.Time // how far back the log goes
}

var checks = []string{
	"Is the person assigned to the application in the identity provider, or in a group that is?",
	"Is that group assigned itself? People of a group inside a group are not provisioned.",
	"Does a scoping filter of the provider leave the person out, for example by department or by an empty attribute?",
	"Is the person's account in the provider active, and does it have the attribute that people are matched by?",
}

// keptFor is how long a deleted person can be restored.
const keptFor = 30 * 24 * time.Hour

// Missing answers for what somebody typed: an e-mail address, a userName, an id or a name. people are those in the directory whom it fits, the
// best first; awaited are teams that have named the person already.
func (l *Log) Missing(db *gorm.DB, workspace, text string, people []Candidate, awaited []string) (Missing, error) {
	m := Missing{People: people, Rows: []Row{}, Checks: []string{}}
	client, begins, err := l.beginning(db, workspace)
	if err != nil {
		return m, err
	}
	m.Since = begins
	if len(people) > 0 && m.person(people[0]) {
		p, err := l.List(db, Query{Workspace: workspace, Person: people[0].ID, Limit: related})
		m.Rows = p.Rows
		return m, err
	}
	if begins == nil {
		if m.Verdict == "" {
			m.Verdict = NobodyCalls
		}
		m.say("never_called", "No identity provider has called yet, so nobody can have come from one.")
		return m, nil
	}
	if done, err := m.refused(l, db, workspace, text, people); done || err != nil {
		return m, err
	}
	if len(awaited) > 0 {
		m.say("awaited", "The team %s named this person, who will join on arrival.", strings.Join(awaited, ", the team "))
	}
	return m, m.asked(l, db, workspace, text, client)
}

func (m *Missing) say(code, format string, args ...any) {
	m.Sentences = append(m.Sentences, sentence(code, format, args))
}

// person says of somebody who is, or was, in the directory; false where the log has to tell the rest.
func (m *Missing) person(c Candidate) bool {
	switch {
	case c.DeletedAt != nil:
		m.Verdict = IsDeleted
		m.say("deleted", "%s was deleted on %s. Until %s they can be restored.", c.Name, *c.DeletedAt, c.DeletedAt.Add(keptFor))
	case c.Local:
		m.Verdict = IsLocal
		m.say("local", "%s was added here, as %s. As soon as the identity provider sends this userName, it takes them over.", c.Name, c.UserName)
		return false
	case !c.Active && c.OffBy != "":
		m.Verdict = IsInactive
		m.say("turned_off_here", "%s is here but inactive: %s turned their access off here, on %s at the latest.", c.Name, c.OffBy, c.ChangedAt)
	case !c.Active:
		m.Verdict = IsInactive
		m.say("inactive", "%s is here but inactive: the identity provider turned their access off, on %s at the latest.", c.Name, c.ChangedAt)
	default:
		m.Verdict = IsHere
		m.say("here", "%s is here and active, as %s.", c.Name, c.UserName)
	}
	return true
}

// refused looks for calls about the person that failed: among those that have not come right by whom they are about, and among the last of all
// refusals by everything that is found by a text.
func (m *Missing) refused(l *Log, db *gorm.DB, workspace, text string, people []Candidate) (bool, error) {
	keys := []string{scim.Fold(strings.TrimSpace(text))}
	for _, c := range people {
		keys = append(keys, scim.Fold(c.UserName))
	}
	failed := func(along string) *gorm.DB {
		return db.Table("provisioning_log"+database.Along(db, along)).Select(rowColumns).Where("workspace_id = ? AND "+refusals+" AND result = 'failed' AND subject_kind = ?", workspace, Person).
			Order("id DESC").Limit(related)
	}
	var rows, open []Row
	if err := failed("provisioning_log_open").Where("resolved_at IS NULL AND subject_key IN ?", keys).Find(&open).Error; err != nil {
		return false, err
	}
	floor := ""
	err := db.Table("provisioning_log").Select("id").Where("workspace_id = ? AND "+refusals, workspace).Order("id DESC").Offset(l.scanMost / 2).Limit(1).Scan(&floor).Error
	if err != nil {
		return false, err
	}
	err = failed("provisioning_log_refused").Where("id >= ? AND (subject_key IN ? OR search LIKE ? ESCAPE '\\')", floor, keys, "%"+escaped.Replace(keys[0])+"%").Find(&rows).Error
	if rows = newest(append(rows, open...)); err != nil || len(rows) == 0 {
		return false, err
	}
	rows = rows[:min(related, len(rows))]
	m.Verdict, m.Rows = WasRefused, rows
	var times int64
	for _, r := range rows {
		times += r.Times
	}
	if reason, ok := ReasonOf(rows[0].Code); ok {
		m.Reason = &reason
	}
	m.say("refused", "%s tried %s, the last time on %s. %s", whoSays(rows[0].Client), tried(times), rows[0].LastAt, rows[0].Sentence)
	return true, nil
}

func tried(n int64) string {
	if n == 1 {
		return "once"
	}
	return strings.Replace(calls(n), " calls", " times", 1)
}

func whoSays(client string) string {
	if client == "" {
		return "The identity provider"
	}
	return client
}

// asked looks for calls that looked for the person, and says what is left to say otherwise.
func (m *Missing) asked(l *Log, db *gorm.DB, workspace, text, client string) error {
	p, err := l.List(db, Query{Workspace: workspace, Operation: "user.list", Text: text, Limit: related})
	if err != nil {
		return err
	}
	m.Checks = checks
	if len(p.Rows) > 0 {
		m.Rows = p.Rows
		if m.Verdict == "" {
			m.Verdict = WasAsked
		}
		m.say("asked", "%s looked for them, the last time on %s, and did not send them. The log goes back to %s.", whoSays(p.Rows[0].Client), p.Rows[0].LastAt, *m.Since)
		return nil
	}
	if m.Verdict == "" {
		m.Verdict = WasNeverSent
	}
	m.say("never_sent", "%s has never sent this person. The log goes back to %s.", whoSays(client), *m.Since)
	return nil
}

// beginning is the last client that is known, and how far back the log goes; nil for an empty one.
func (l *Log) beginning(db *gorm.DB, workspace string) (client string, since *time.Time, err error) {
	var rows []Row
	err = db.Raw("SELECT client, at FROM provisioning_log WHERE workspace_id = ? ORDER BY id LIMIT 1", workspace).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return "", nil, err
	}
	var last []Row // of a replay and of a call without a sign nobody knows whose it is
	err = db.Raw("SELECT client, at FROM (SELECT client, at, id FROM provisioning_log WHERE workspace_id = ? ORDER BY id DESC LIMIT 50) l WHERE client <> '' ORDER BY id DESC LIMIT 1",
		workspace).Scan(&last).Error
	if err != nil {
		return "", nil, err
	}
	if len(last) > 0 {
		client = last[0].Client
	}
	first := rows[0].At.UTC()
	return client, &first, nil
}
