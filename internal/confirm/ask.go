package confirm

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/failpoint"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/limit"
	"github.com/countersign/countersign/internal/workspace"
)

// Ask is a question of a signed-in person to themselves.
type Ask struct {
	Action   string
	Resource string
	Params   []byte // the exact bytes of the JSON value in the request; nil when there is none
}

// Ask makes a confirmation, or gives back the live one of the same session, action, resource and parameters (created false). Another live one
// of the same session is superseded. The row is written first and pushed second: a push service that is down changes nothing here.
func (s *Service) Ask(ctx context.Context, by actor.Actor, a Ask) (v View, created bool, err error) {
	act, known := s.actions[a.Action]
	if !known {
		return View{}, false, ErrUnknownAction
	}
	if by.Key != "" { // a program confirms nothing
		return View{}, false, ErrForbidden
	}
	if err := act.mayAsk(by, directory.Role(by.Role)); err != nil {
		return View{}, false, err
	}
	if err := act.checkParams(a.Params); err != nil {
		return View{}, false, err
	}
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		v, created, err = s.askIn(tx, by, a, act)
		failpoint.Reach("asking")
		return err
	})
	if err == nil && created {
		failpoint.Reach("created")
	}
	return v, created, err
}

func (s *Service) askIn(tx database.Tx, by actor.Actor, a Ask, act Action) (v View, created bool, err error) {
	ws, err := workspace.Find(tx.DB, by.Workspace)
	if err != nil {
		return v, false, err
	}
	seconds, err := s.seconds(tx, by, act, ws)
	if err != nil {
		return v, false, err
	}
	people, err := lockPeople(tx, append(seconds.ids(), by.Person)...)
	if err != nil {
		return v, false, err
	}
	now, err := tx.Now()
	if err != nil {
		return v, false, err
	}
	if a.Resource, err = act.resource(tx, by, a.Resource, now); err != nil {
		return v, false, err
	}
	if err := s.expireOf(tx, by, now); err != nil {
		return v, false, err
	}
	live, err := s.liveOf(tx, by)
	if err != nil {
		return v, false, err
	}
	if same := find(live, by, a); same != nil {
		v, err = s.withCode(tx, *same, now)
	} else {
		created = true
		v, err = s.ask(tx, by, a, asking{act, ws, people, seconds, live, now})
	}
	if err == nil {
		v.Passkey, err = s.offersPasskey(tx, by, act, ws, v, now)
	}
	return v, created, err
}

// asking is what is known, and locked, when a new question is made.
type asking struct {
	act     Action
	ws      workspace.Workspace
	people  map[string]personRow
	seconds seconds
	live    []row
	now     time.Time
}

func (s *Service) ask(tx database.Tx, by actor.Actor, a Ask, k asking) (View, error) {
	p := k.people[by.Person]
	if err := k.act.open(k.ws); err != nil {
		return View{}, err
	}
	phones, err := s.phonesOf(tx, by)
	if err != nil {
		return View{}, err
	}
	if k.seconds.needed && len(k.seconds.phones) == 0 {
		return View{}, ErrNoSecond
	}
	if err := s.allowed(tx, by, p, k.live, k.now); err != nil {
		return View{}, err
	}
	for _, r := range k.live {
		if r.State == Pending && bytes.Equal(r.SessionHash, by.Session) {
			if err := s.cancel(tx, by, r, reasonSuperseded, k.now); err != nil {
				return View{}, err
			}
		}
	}
	news, err := s.doubts(tx, by, p, k.now)
	if err != nil {
		return View{}, err
	}
	says, err := k.act.shows(tx, by, a.Resource, a.Params)
	if err != nil {
		return View{}, err
	}
	q := question{ask: a, says: says, mode: mode(k.ws.Policy, k.act.Lowest, news), news: news.shown, life: k.ws.ConfirmationTTL, people: k.people, limited: true, needed: 1}
	if k.seconds.needed { // the second admin reads the digits from who asks: nobody approves for a stranger by a tap
		q.mode, q.needed = Code, 2
	}
	r, err := s.write(tx, by, k.ws, q, append(phones, k.seconds.phones...), k.now)
	if err != nil {
		return View{}, err
	}
	return s.withCode(tx, r, k.now)
}

// phonesOf are the phones that can answer: at least one. Those that a restore holds back cannot.
func (s *Service) phonesOf(tx database.Tx, by actor.Actor) ([]device.Device, error) {
	all, err := device.ActiveOf(tx.DB, by.Workspace, by.Person)
	if err == nil && len(all) == 0 {
		err = ErrNoDevice
	}
	var can []device.Device
	var held error
	for _, d := range all {
		if no := s.Restored.CheckIn(tx, d.CreatedAt); no != nil {
			held = no
			continue
		}
		can = append(can, d)
	}
	if err == nil && len(can) == 0 {
		err = held
	}
	return can, err
}

// question is what write needs to know beyond who asks.
type question struct {
	ask     Ask
	says    string
	mode    string
	news    []string
	life    time.Duration
	needed  int                  // persons who have to approve
	people  map[string]personRow // those who are asked, with the pushes they have had
	limited bool                 // counts towards limits and the push budget
}

// write makes the row, one signed challenge for each phone, and the pushes.
func (s *Service) write(tx database.Tx, by actor.Actor, ws workspace.Workspace, q question, phones []device.Device, now time.Time) (row, error) {
	shown := s.context(by, ws, q)
	text, err := json.Marshal(shown)
	if err != nil {
		return row{}, err
	}
	r := row{ID: ident.New("cnf"), WorkspaceID: by.Workspace, PersonID: by.Person, SessionHash: by.Session, BrowserHash: by.Browser,
		Network: limit.Network(by.IP), Action: q.ask.Action, Resource: q.ask.Resource, Params: q.ask.Params, Mode: q.mode, Context: string(text),
		State: Pending, Version: 1, CreatedAt: now, ExpiresAt: now.Add(q.life), ApprovalsNeeded: q.needed}
	if q.mode == Code {
		if r.CodeSealed, err = s.Vault.Seal([]byte(ident.Digits(6)), codePlace(r.ID)); err != nil {
			return row{}, err
		}
	}
	challenges := make([]challengeRow, len(phones))
	pushed := map[string]int{}
	for i, d := range phones {
		if challenges[i], err = s.challenge(tx, r, d, shown, now); err != nil {
			return row{}, err
		}
		if challenges[i].Detail = unpushed(d, q, pushed[d.Person], now); challenges[i].Detail != "" {
			continue
		}
		pushed[d.Person]++
		if err := s.addPush(tx, r, d.ID, now); err != nil {
			return row{}, err
		}
	}
	if len(pushed) > 0 {
		r.PushedAt = &now
	}
	if err := tx.Create(&r).Error; err != nil {
		return row{}, err
	}
	if err := tx.Create(&challenges).Error; err != nil {
		return row{}, err
	}
	if q.limited {
		if err := countPushes(tx, pushed); err != nil {
			return row{}, err
		}
	}
	return r, audit.RecordAt(tx, by, "confirmation.asked", r.ID, audit.Detail{"action": r.Action, "resource": r.Resource, "mode": r.Mode, "phones": len(phones)}, now)
}

// Why a phone was not pushed: it finds the question when its app is opened.
const (
	noPush     = "no_push"     // it has no working registration
	pushBudget = "push_budget" // too many pushes since the person's last success
	longUnseen = "unseen"      // not heard of for sixty days
)

// unpushed says why a phone is not pushed; "" where it is.
func unpushed(d device.Device, q question, pushed int, now time.Time) string {
	switch {
	case d.Push == nil:
		return noPush
	case !q.limited:
		return ""
	case d.LastSeen != nil && now.Sub(*d.LastSeen) > unseenFor:
		return longUnseen
	case pushed >= maxPushes-q.people[d.Person].Pushes:
		return pushBudget
	}
	return ""
}

// countPushes adds to the persons' budgets; they are locked.
func countPushes(tx database.Tx, pushed map[string]int) error {
	for person, n := range pushed {
		if err := tx.Model(&personRow{}).Where("person_id = ?", person).Updates(map[string]any{"pushes": gorm.Expr("pushes + ?", n)}).Error; err != nil {
			return err
		}
	}
	return nil
}

// AskActivation asks a matched phone for its first signed answer, outside limits and push budget (wire.md §3.5). It runs in the
// transaction in which the digits were compared.
func (s *Service) AskActivation(tx database.Tx, by actor.Actor, d device.Device) error {
	now, err := tx.Now()
	if err != nil {
		return err
	}
	ws, err := workspace.Find(tx.DB, by.Workspace)
	if err != nil {
		return err
	}
	q := question{ask: Ask{Action: ActivateDevice, Resource: devicePrefix + d.ID}, says: "Activate this phone", mode: Tap, life: ws.ConfirmationTTL, needed: 1}
	_, err = s.write(tx, by, ws, q, []device.Device{d}, now)
	return err
}

func (s *Service) withCode(tx database.Tx, r row, now time.Time) (View, error) {
	v, err := s.view(tx.DB, r, now)
	if err == nil && r.Mode == Code && v.State == Pending {
		v.Code, err = s.code(r)
	}
	return v, err
}

// liveOf are the person's pending and approved confirmations, at most a handful.
func (s *Service) liveOf(tx database.Tx, by actor.Actor) ([]row, error) {
	var live []row
	err := tx.Lock().Where("person_id = ? AND workspace_id = ? AND action <> ? AND state IN ?", by.Person, by.Workspace, ActivateDevice,
		[]State{Pending, Approved}).Order("id").Find(&live).Error
	return live, err
}

func find(live []row, by actor.Actor, a Ask) *row {
	for i, r := range live {
		if r.State == Pending && bytes.Equal(r.SessionHash, by.Session) && r.Action == a.Action && r.Resource == a.Resource && bytes.Equal(r.Params, a.Params) {
			return &live[i]
		}
	}
	return nil
}

// allowed holds the limits for one person (protocol.md §5.5), whoever asks in their name and from where.
func (s *Service) allowed(tx database.Tx, by actor.Actor, p personRow, live []row, now time.Time) error {
	if p.LockedUntil != nil && now.Before(*p.LockedUntil) {
		return ErrLocked.After(p.LockedUntil.Sub(now))
	}
	others := 0
	first := now
	for _, r := range live {
		if r.State == Pending && !bytes.Equal(r.SessionHash, by.Session) {
			others++
			if r.ExpiresAt.Before(first) || first.Equal(now) {
				first = r.ExpiresAt
			}
		}
	}
	if others >= maxLive {
		return ErrLimited.Saying("Three requests are open already in other windows. Answer or cancel one first.").After(first.Sub(now))
	}
	var recent []time.Time
	err := tx.Model(&row{}).Where("person_id = ? AND action <> ? AND created_at > ?", by.Person, ActivateDevice, now.Add(-time.Hour)).
		Order("created_at DESC").Limit(maxPerHour).Pluck("created_at", &recent).Error
	if err != nil {
		return err
	}
	if n := len(recent); n >= maxPer10m && recent[maxPer10m-1].After(now.Add(-10*time.Minute)) {
		return ErrLimited.Saying("Too many requests: 5 in ten minutes.").After(recent[maxPer10m-1].Add(10 * time.Minute).Sub(now))
	} else if n >= maxPerHour {
		return ErrLimited.Saying("Too many requests: 10 in an hour.").After(recent[maxPerHour-1].Add(time.Hour).Sub(now))
	}
	return nil
}

// doubt is what speaks against a single tap (wire.md §5).
type doubt struct {
	any   bool
	shown []string // a subset of browser, network, for the phone
}

// doubts looks at the person's history from where they ask now.
func (s *Service) doubts(tx database.Tx, by actor.Actor, p personRow, now time.Time) (doubt, error) {
	var d doubt
	known, network, err := s.history(tx, by, p)
	if err != nil {
		return d, err
	}
	if !known {
		d.any, d.shown = true, append(d.shown, "browser")
	}
	if network != limit.Network(by.IP) {
		d.any, d.shown = true, append(d.shown, "network")
	}
	if p.DeniedAt != nil && now.Sub(*p.DeniedAt) < doubtAfterDeny {
		d.any = true
	}
	var other int64
	err = tx.Model(&row{}).Where("person_id = ? AND created_at > ? AND action <> ? AND state NOT IN ?", by.Person, now.Add(-doubtAfterAsk), ActivateDevice,
		[]State{Pending, Approved, Consumed}).Count(&other).Error
	d.any = d.any || other > 0
	return d, err
}

// history says whether the asking browser is known and from which network the person was last.
func (s *Service) history(tx database.Tx, by actor.Actor, p personRow) (known bool, network string, err error) {
	if len(by.Browser) > 0 {
		var n int64
		if err := tx.Table("known_browsers").Where("person_id = ? AND browser_hash = ?", by.Person, by.Browser).Count(&n).Error; err != nil {
			return false, "", err
		}
		known = n > 0
	}
	return known, p.LastNetwork, nil
}

// mode applies the workspace's policy; it is fixed in the row and never lowered.
func mode(policy workspace.Policy, lowest string, d doubt) string {
	switch {
	case lowest == Code, policy == workspace.AlwaysCode:
		return Code
	case policy == workspace.TapOnly, !d.any:
		return Tap
	}
	return Code
}

// expireOf writes what time has ended already, so that "one live" does not stand in the way of a new question.
func (s *Service) expireOf(tx database.Tx, by actor.Actor, now time.Time) error {
	var over []row
	err := tx.Lock().Where("person_id = ?", by.Person).Where(tx.Where("state = ? AND expires_at <= ?", Pending, now).
		Or("state = ? AND decided_at <= ?", Approved, now.Add(-collectFor))).Order("id").Find(&over).Error
	for _, r := range over {
		if err == nil {
			err = s.expire(tx, r, now)
		}
	}
	return err
}

// role is the person's role now, read again wherever something is handed out.
func role(tx database.Tx, by actor.Actor) (directory.Role, error) {
	p, err := directory.Find(tx.DB, by.Workspace, by.Person)
	if err != nil {
		return "", err
	}
	if !p.Active {
		return "", ErrForbidden
	}
	return p.Role, nil
}
