package confirm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/passkey"
	"github.com/countersign/countersign/internal/softkey"
	"github.com/countersign/countersign/internal/workspace"
)

// addPasskey adds a software passkey to a person.
func addPasskey(t testing.TB, w *apitest.World, by actor.Actor) (*softkey.Key, passkey.Passkey) {
	t.Helper()
	key := softkey.New(apitest.PublicURL, "localhost")
	owner := passkey.Owner{Workspace: by.Workspace, Person: by.Person, Name: by.Name, Login: by.Name}
	begun, err := w.Signin.Passkeys.BeginAdd(w.Ctx, by, owner)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := w.Signin.Passkeys.Add(w.Ctx, by, owner, begun.ID, "Laptop", key.Create(begun.Options))
	if err != nil {
		t.Fatal(err)
	}
	return key, kept
}

// passkeys is a world whose policy lets a passkey answer, with two people who have a phone and an old passkey each.
type passkeys struct {
	*apitest.World
	t        *testing.T
	ana, ben actor.Actor
	phone    *apitest.Phone
	key      *softkey.Key
	kept     passkey.Passkey
	bens     *softkey.Key
}

func newPasskeys(t *testing.T, w *apitest.World) *passkeys {
	t.Helper()
	p := &passkeys{World: w, t: t, ana: w.Workspace("acme")}
	p.ben = w.Colleague(p.ana, "ben", directory.SuperAdmin)
	p.phone = w.Phone(p.ana)
	w.Phone(p.ben)
	w.Rules(p.ana, func(r *workspace.Rules) { r.Passkeys = true })
	p.key, p.kept = addPasskey(t, w, p.ana)
	p.bens, _ = addPasskey(t, w, p.ben)
	w.Offset.Advance(24 * time.Hour)
	return p
}

// ask asks for an action, long after the last question.
func (p *passkeys) ask(by actor.Actor, a confirm.Ask) confirm.View {
	p.t.Helper()
	p.Offset.Advance(21 * time.Minute)
	v, created, err := p.Confirms.Ask(p.Ctx, by, a)
	if err != nil || !created {
		p.t.Fatalf("%s: created %v, %v", a.Action, created, err)
	}
	return v
}

func (p *passkeys) reveal() confirm.View {
	return p.ask(p.ana, confirm.Ask{Action: confirm.RevealToken})
}

func (p *passkeys) begin(id string) passkey.Ceremony {
	p.t.Helper()
	c, err := p.Confirms.BeginPasskey(p.Ctx, p.ana, id)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// approved is a reveal that was approved by the passkey.
func (p *passkeys) approved() confirm.View {
	p.t.Helper()
	v := p.reveal()
	c := p.begin(v.ID)
	got, err := p.Confirms.AnswerPasskey(p.Ctx, p.ana, v.ID, c.ID, p.key.Get(c.Options))
	if err != nil || got.State != confirm.Approved {
		p.t.Fatalf("%+v %v", got, err)
	}
	return got
}

func TestAPasskeyAnswersAsThePhoneWould(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		p := newPasskeys(t, w)
		for _, action := range []string{confirm.RevealToken, confirm.RegenerateToken} {
			v := p.ask(p.ana, confirm.Ask{Action: action})
			if !v.Passkey {
				t.Errorf("%s: the dialog does not offer it", action)
			}
			c := p.begin(v.ID)
			response := p.key.Get(c.Options)
			got, err := w.Confirms.AnswerPasskey(w.Ctx, p.ana, v.ID, c.ID, response)
			if err != nil || got.State != confirm.Approved || got.DecidedBy != "Laptop" || got.DecidedHow != "passkey" || got.CollectUntil == nil || got.Version <= v.Version {
				t.Fatalf("%s: %+v %v", action, got, err)
			}
			_, err = w.Confirms.AnswerPasskey(w.Ctx, p.ana, v.ID, c.ID, response)
			refused(t, passkey.ErrOver, err)
			_, err = p.phone.Approve(v.ID, v.Code)
			refused(t, confirm.ErrAlreadyAnswered, err)
			stranger := p.ana
			stranger.Session = ident.Hash("another session")
			_, err = w.Confirms.Collect(w.Ctx, stranger, v.ID)
			refused(t, fault.ErrNotFound, err)
			if token, err := w.Confirms.Collect(w.Ctx, p.ana, v.ID); err != nil || token.Plain == "" {
				t.Fatalf("%s: %v", action, err)
			}
			_, err = w.Confirms.Collect(w.Ctx, p.ana, v.ID)
			refused(t, confirm.ErrAlreadyCollected, err)
			if n := count(t, w, p.ana, v.ID, "confirmation.approved", "confirmation.consumed"); n != 2 {
				t.Errorf("%s: %d rows of the audit", action, n)
			}
		}
		late := p.approved()
		w.Offset.Advance(time.Minute)
		_, err := w.Confirms.Collect(w.Ctx, p.ana, late.ID)
		refused(t, confirm.ErrCollectExpired, err)
		lost := p.approved()
		if _, err := w.Confirms.Cancel(w.Ctx, p.ana, lost.ID); err != nil {
			t.Fatal(err)
		}
		_, err = w.Confirms.Collect(w.Ctx, p.ana, lost.ID)
		refused(t, confirm.ErrNotApproved, err)
	})
}

func TestAPasskeyIsNotAskedEverywhere(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		p := newPasskeys(t, w)
		for _, action := range []string{confirm.AddDevice, "recovery.codes"} {
			v := p.ask(p.ana, confirm.Ask{Action: action})
			_, err := w.Confirms.BeginPasskey(w.Ctx, p.ana, v.ID)
			refused(t, confirm.ErrPasskey, err)
			if v.Passkey {
				t.Errorf("%s: the dialog offers it", action)
			}
		}
		for what, c := range map[string]struct {
			rules func(*workspace.Rules)
			by    func(*actor.Actor)
		}{
			"by default":             {func(r *workspace.Rules) { r.Passkeys = false }, nil},
			"where two admins do it": {func(r *workspace.Rules) { r.TwoAdmins = true }, nil},
			"from another network":   {func(r *workspace.Rules) { r.SameNetwork = true }, func(a *actor.Actor) { a.IP = "198.51.100.9" }},
		} {
			w.Rules(p.ana, func(r *workspace.Rules) {
				r.Passkeys, r.TwoAdmins, r.SameNetwork = true, false, false
				c.rules(r)
			})
			v := p.reveal()
			by := p.ana
			if c.by != nil {
				c.by(&by)
			}
			if _, err := w.Confirms.BeginPasskey(w.Ctx, by, v.ID); !errors.Is(err, confirm.ErrPasskey) {
				t.Errorf("%s: %v", what, err)
			}
		}
		w.Rules(p.ana, func(r *workspace.Rules) { r.Passkeys, r.TwoAdmins, r.SameNetwork = true, false, false })

		none := w.Colleague(p.ana, "cleo", directory.Admin)
		w.Phone(none)
		v := p.ask(none, confirm.Ask{Action: confirm.RevealToken})
		_, err := w.Confirms.BeginPasskey(w.Ctx, none, v.ID)
		refused(t, passkey.ErrNone, err)
		addPasskey(t, w, none)
		w.Offset.Advance(4 * time.Minute)
		_, err = w.Confirms.BeginPasskey(w.Ctx, none, v.ID)
		if f := refused(t, passkey.ErrTooNew, err); f.Fields["usable_at"] == nil || v.Passkey {
			t.Errorf("a new one: %v", f.Fields)
		}

		_, err = w.Confirms.BeginPasskey(w.Ctx, p.ana, v.ID)
		refused(t, fault.ErrNotFound, err)
		gone := p.reveal()
		if _, err := w.Confirms.Cancel(w.Ctx, p.ana, gone.ID); err != nil {
			t.Fatal(err)
		}
		_, err = w.Confirms.BeginPasskey(w.Ctx, p.ana, gone.ID)
		refused(t, confirm.ErrAlreadyAnswered, err)
		over := p.reveal()
		w.Offset.Advance(11 * time.Minute)
		_, err = w.Confirms.BeginPasskey(w.Ctx, p.ana, over.ID)
		refused(t, confirm.ErrExpired, err)
		many := p.reveal()
		for range 10 {
			p.begin(many.ID)
		}
		_, err = w.Confirms.BeginPasskey(w.Ctx, p.ana, many.ID)
		refused(t, confirm.ErrLimited, err)
	})
}

// TestWhatIsNoAnswerOfThisPasskeyToThisQuestion: nothing of it approves, and the question stays open for the phone.
func TestWhatIsNoAnswerOfThisPasskeyToThisQuestion(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		p := newPasskeys(t, w)
		before := p.reveal()
		other := p.begin(before.ID)
		for _, c := range []struct {
			what   string
			err    error
			change func(*softkey.Key)
		}{
			{"of another relying party", passkey.ErrWrong, func(k *softkey.Key) { k.RPID = "evil.test" }},
			{"asked for by another page", passkey.ErrWrong, func(k *softkey.Key) { k.Origin = "http://evil.test" }},
			{"whose holder was not verified", passkey.ErrWrong, func(k *softkey.Key) { k.NoUV = true }},
			{"of another person", passkey.ErrWrong, func(k *softkey.Key) { *k = *p.bens }},
			{"of another person, under her name", passkey.ErrWrong, func(k *softkey.Key) { id, user := k.ID, k.User; *k = *p.bens; k.ID, k.User = id, user }},
		} {
			v := p.reveal()
			begun := p.begin(v.ID)
			key := *p.key
			c.change(&key)
			_, err := w.Confirms.AnswerPasskey(w.Ctx, p.ana, v.ID, begun.ID, key.Get(begun.Options))
			if !errors.Is(err, c.err) {
				t.Errorf("a passkey %s: %v", c.what, err)
			}
			if now, err := w.Confirms.View(w.Ctx, p.ana, v.ID); err != nil || now.State != confirm.Pending {
				t.Errorf("after a passkey %s it is %s (%v)", c.what, now.State, err)
			}
		}
		v := p.reveal()
		begun := p.begin(v.ID)
		_, err := w.Confirms.AnswerPasskey(w.Ctx, p.ana, v.ID, other.ID, p.key.Get(other.Options)) // long over
		refused(t, passkey.ErrOver, err)
		verify, err := w.Signin.BeginVerify(w.Ctx, p.ana)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Confirms.AnswerPasskey(w.Ctx, p.ana, v.ID, verify.ID, p.key.Get(verify.Options)) // begun for a sign-in
		refused(t, passkey.ErrOver, err)
		thief := p.ana
		thief.Session = ident.Hash("another session")
		_, err = w.Confirms.AnswerPasskey(w.Ctx, thief, v.ID, begun.ID, p.key.Get(begun.Options))
		refused(t, fault.ErrNotFound, err)

		// The answer to a question that a second one of the same session has replaced does not fit the second.
		first := p.begin(v.ID)
		w.Offset.Advance(11 * time.Second)
		second, _, err := w.Confirms.Ask(w.Ctx, p.ana, confirm.Ask{Action: confirm.RegenerateToken})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Confirms.AnswerPasskey(w.Ctx, p.ana, second.ID, first.ID, p.key.Get(first.Options))
		refused(t, passkey.ErrWrong, err)

		// The phone was first.
		last := p.begin(second.ID)
		if _, err := p.phone.Approve(second.ID, second.Code); err != nil {
			t.Fatal(err)
		}
		_, err = w.Confirms.AnswerPasskey(w.Ctx, p.ana, second.ID, last.ID, p.key.Get(last.Options))
		refused(t, confirm.ErrAlreadyAnswered, err)
	})
}

// TestEvidenceOfAPasskeyIsVerifiedAgainAtPayout: what was written into the row by other means, or rests on what is gone, pays nothing out.
func TestEvidenceOfAPasskeyIsVerifiedAgainAtPayout(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		p := newPasskeys(t, w)
		exec := func(sql string, args ...any) error {
			return w.DB.InTx(w.Ctx, func(tx database.Tx) error { return tx.Exec(sql, args...).Error })
		}
		before := p.approved()
		for _, c := range []struct {
			what   string
			change func(id string) error
			err    error
		}{
			{"another answer of the same passkey", func(id string) error {
				return exec(`UPDATE confirmations SET decided_response = (SELECT decided_response FROM confirmations WHERE id = ?), decided_sig = (SELECT decided_sig FROM confirmations WHERE id = ?) WHERE id = ?`, before.ID, before.ID, id)
			}, confirm.ErrNoSignature},
			{"a signature that is not the answer's", func(id string) error {
				return exec("UPDATE confirmations SET decided_sig = session_hash WHERE id = ?", id)
			}, confirm.ErrNoSignature},
			{"another person's passkey", func(id string) error {
				return exec("UPDATE confirmations SET decided_by = (SELECT id FROM passkeys WHERE person_id = ?) WHERE id = ?", p.ben.Person, id)
			}, confirm.ErrNoSignature},
			{"other parameters", func(id string) error {
				return exec("UPDATE confirmations SET params = decided_sig WHERE id = ?", id)
			}, confirm.ErrNoSignature},
			{"a passkey that was new when it answered", func(id string) error {
				return exec("UPDATE passkeys SET created_at = (SELECT created_at FROM confirmations WHERE id = ?) WHERE id = ?", id, p.kept.ID)
			}, confirm.ErrNoSignature},
			{"a policy that takes no passkeys any more", func(string) error {
				w.Rules(p.ana, func(r *workspace.Rules) { r.Passkeys = false })
				return nil
			}, confirm.ErrPasskey},
			{"a passkey that was removed", func(string) error { return w.Signin.Passkeys.Remove(w.Ctx, p.ana, p.kept.ID) }, confirm.ErrNoSignature},
		} {
			v := p.approved()
			if err := c.change(v.ID); err != nil {
				t.Fatalf("%s: %v", c.what, err)
			}
			if _, err := w.Confirms.Collect(w.Ctx, p.ana, v.ID); !errors.Is(err, c.err) {
				t.Errorf("%s: %v", c.what, err)
			}
			w.Rules(p.ana, func(r *workspace.Rules) { r.Passkeys = true })
			if err := exec("UPDATE passkeys SET created_at = ? WHERE id = ?", p.kept.CreatedAt, p.kept.ID); err != nil {
				t.Fatal(err)
			}
		}
		pending := p.reveal()
		for what, sql := range map[string]string{
			"a kind of evidence without an answer":       "UPDATE confirmations SET decided_how = 'passkey' WHERE id = ?",
			"a kind that is none":                        "UPDATE confirmations SET decided_how = 'word' WHERE id = ?",
			"a denial by a passkey":                      "UPDATE confirmations SET decided_how = 'passkey', state = 'denied', version = version + 1, decided_response = session_hash WHERE id = ?",
			"an approval by a passkey without an answer": "UPDATE confirmations SET decided_how = 'passkey', state = 'approved', version = version + 1, code_sealed = NULL, decided_at = created_at, decided_sig = session_hash WHERE id = ?",
		} {
			if err := exec(sql, pending.ID); err == nil {
				t.Errorf("the database takes %s", what)
			}
		}
		if _, err := p.phone.Approve(pending.ID, pending.Code); err != nil {
			t.Fatal(err)
		}
		if err := exec("UPDATE confirmations SET decided_how = 'passkey' WHERE id = ?", pending.ID); err == nil {
			t.Error("the database lets a phone's answer become a passkey's")
		}
	})
}
