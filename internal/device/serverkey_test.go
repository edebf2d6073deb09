package device_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/phonesim"
	"github.com/countersign/countersign/internal/serverkeys"
	"github.com/countersign/countersign/internal/signing"
)

var operator = actor.Actor{Kind: actor.Operator, Name: "test"}

func rotate(t *testing.T, w *apitest.World, p serverkeys.Purpose) (old, fresh string) {
	t.Helper()
	w.InTx(func(tx database.Tx) (err error) {
		old, fresh, err = w.Keys.Rotate(tx, p)
		return err
	})
	return old, fresh
}

// askedUnder asks for the token and says which key signed the phone's challenge; the signature has to hold.
func askedUnder(t *testing.T, w *apitest.World, ana actor.Actor, p *apitest.Phone) string {
	t.Helper()
	v, _, err := w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.RevealToken})
	if err != nil {
		t.Fatal(err)
	}
	q, err := w.Confirms.Pull(w.Ctx, p.Actor(ana), v.ID)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signing.Unb64(q.Challenge)
	if err != nil {
		t.Fatal(err)
	}
	var c struct{ Kid string }
	key, err2 := w.Keys.Of(w.DB.Read(w.Ctx), serverkeys.Challenge, q.Kid)
	if err := errors.Join(json.Unmarshal(text, &c), err2); err != nil {
		t.Fatal(err)
	}
	if c.Kid != q.Kid || !signing.Verify(key.SPKI, signing.Challenge(text), q.ServerSig) {
		t.Errorf("the challenge names %s, the reply %s, and the signature does not hold", c.Kid, q.Kid)
	}
	if _, err := w.Confirms.Cancel(w.Ctx, ana, v.ID); err != nil {
		t.Fatal(err)
	}
	return q.Kid
}

func held(t *testing.T, w *apitest.World, id string) device.Device {
	t.Helper()
	d, err := device.Locate(w.DB.Read(w.Ctx), id)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAPhoneIsAskedUnderTheKeyItHoldsToUntilItMoves(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		first := held(t, w, phone.ID).ServerKid
		if kid := askedUnder(t, w, ana, phone); kid != first {
			t.Errorf("asked under %s, holds to %s", kid, first)
		}
		old, second := rotate(t, w, serverkeys.Challenge)
		_, third := rotate(t, w, serverkeys.Challenge) // twice, while the phone was off
		if old != first || second == third {
			t.Errorf("%s was replaced by %s and %s", old, second, third)
		}
		if kid := askedUnder(t, w, ana, phone); kid != first {
			t.Errorf("before it moved it is asked under %s", kid)
		}
		told, err := w.Devices.ServerKeys(w.Ctx, held(t, w, phone.ID))
		if err != nil || told.Holds != first || told.Current != third || len(told.Steps) != 2 || told.Steps[0].Kid != first || told.Steps[1].Kid != second {
			t.Fatalf("told %+v (%v)", told, err)
		}
		by := phone.Actor(ana)
		for name, kid := range map[string]string{"the one between": second, "none": "key_none", "nothing": ""} {
			if _, err := w.Devices.Move(w.Ctx, by, kid); !errors.Is(err, device.ErrNotCurrent) {
				t.Errorf("moved to %s: %v", name, err)
			}
		}
		for range 2 { // may be repeated
			if _, err := w.Devices.Move(w.Ctx, by, third); err != nil {
				t.Fatal(err)
			}
		}
		if kid := askedUnder(t, w, ana, phone); kid != third {
			t.Errorf("after it moved it is asked under %s", kid)
		}
		if other := w.Phone(w.Colleague(ana, "ben", "admin")); held(t, w, other.ID).ServerKid != third {
			t.Error("a new phone is given an old key")
		}
	})
}

func TestAQuestionUnderWayIsAnsweredAfterTheMove(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		v, _, err := w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.RevealToken})
		if err != nil {
			t.Fatal(err)
		}
		_, fresh := rotate(t, w, serverkeys.Challenge)
		now, err2 := w.DB.Now(w.Ctx)
		w.Offset.Stop(now)
		until, err := w.Devices.Move(w.Ctx, phone.Actor(ana), fresh)
		if err := errors.Join(err, err2); err != nil || until.Before(now) || until.After(now.Add(10*time.Second)) {
			t.Fatalf("the old key may have signed until %v, it is %v (%v)", until, now, err)
		}
		if state, err := phone.Approve(v.ID, ""); err != nil || state != confirm.Approved {
			t.Fatalf("%s %v", state, err)
		}
		if _, err := w.Confirms.Collect(w.Ctx, ana, v.ID); err != nil {
			t.Errorf("the approval under the old key pays out nothing: %v", err)
		}
	})
}

func TestAForcedCutOverRemovesThePhonesThatDidNotMove(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		moved, left := w.Phone(ana), w.Phone(w.Colleague(ana, "ben", "admin"))
		old, fresh := rotate(t, w, serverkeys.Challenge)
		if _, err := w.Devices.Move(w.Ctx, moved.Actor(ana), fresh); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Devices.EndServerKey(w.Ctx, operator, serverkeys.Challenge, fresh); !errors.Is(err, serverkeys.ErrCurrent) {
			t.Errorf("the current key was ended: %v", err)
		}
		counts, err := device.Holding(w.DB.Read(w.Ctx))
		if err != nil || counts[old] != 1 || counts[fresh] != 1 {
			t.Errorf("phones by key: %v (%v)", counts, err)
		}
		n, err := w.Devices.EndServerKey(w.Ctx, operator, serverkeys.Challenge, old)
		if err != nil || n != 1 {
			t.Fatalf("%d phones, %v", n, err)
		}
		if d := held(t, w, left.ID); d.State != device.Removed {
			t.Errorf("the phone that did not move is %s", d.State)
		}
		var told int64
		if err := w.DB.Read(w.Ctx).Raw("SELECT COUNT(*) FROM notices WHERE kind = 'device.key_ended' AND person_id = ?", held(t, w, left.ID).Person).Scan(&told).Error; err != nil || told != 1 {
			t.Errorf("its person is told %d times (%v)", told, err)
		}
		if _, err := left.Signed(); !errors.Is(err, device.ErrUnauthorized) {
			t.Errorf("it still gets an answer: %v", err)
		}
		if kid := askedUnder(t, w, ana, moved); kid != fresh {
			t.Errorf("the one that moved is asked under %s", kid)
		}
		if _, err := w.Devices.EndServerKey(w.Ctx, operator, serverkeys.Challenge, old); !errors.Is(err, serverkeys.ErrUnknown) {
			t.Errorf("ended twice: %v", err)
		}
	})
}

func TestARotationOnOneReplicaIsSeenByTheOthers(t *testing.T) {
	one := apitest.New(t, database.Postgres, nil)
	two := one.Replica(nil)
	ana := one.Workspace("acme")
	phone := one.Phone(ana)
	for _, p := range []serverkeys.Purpose{serverkeys.Challenge, serverkeys.VAPID} {
		before, err := two.Keys.Current(two.Ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		_, fresh := rotate(t, one, p)
		began := time.Now()
		for got := before; got.ID != fresh; {
			if got, err = two.Keys.Current(two.Ctx, p); err != nil {
				t.Fatal(err)
			}
			if time.Since(began) > time.Minute {
				t.Fatalf("after %v the other replica still has the old %s key", time.Since(began), p)
			}
		}
		t.Logf("%s: seen after %v", p, time.Since(began).Round(time.Millisecond))
	}
	current, err := two.Keys.Current(two.Ctx, serverkeys.Challenge)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := two.Devices.Move(two.Ctx, phone.Actor(ana), current.ID); err != nil { // moves on one replica
		t.Fatal(err)
	}
	if kid := askedUnder(t, one, ana, phone); kid != current.ID { // and is asked on the other
		t.Errorf("asked under %s", kid)
	}
	old := one.Keys
	if key, err := old.Of(one.DB.Read(one.Ctx), serverkeys.Challenge, current.ID); err != nil || key.ID != current.ID {
		t.Errorf("a key made elsewhere cannot be used: %v", err)
	}
}

func TestAClaimIsNotGivenAKeyThatWasEndedMeanwhile(t *testing.T) {
	for _, d := range dbtest.Dialects {
		t.Run(d, func(t *testing.T) {
			one := apitest.New(t, d, nil)
			ana := one.Workspace("acme")
			two := one.Replica(nil)
			if d == database.SQLite {
				two = one // one process has everything
			}
			if _, err := two.Keys.Current(two.Ctx, serverkeys.Challenge); err != nil { // remembers the first key for a second
				t.Fatal(err)
			}
			par, err := two.Devices.Begin(two.Ctx, ana, apitest.NoConfirmation)
			if err != nil {
				t.Fatal(err)
			}
			old, fresh := rotate(t, one, serverkeys.Challenge)
			if _, err := one.Devices.EndServerKey(one.Ctx, operator, serverkeys.Challenge, old); err != nil {
				t.Fatal(err)
			}
			p := apitestClaim(t, two, par)
			if kid := held(t, two, p).ServerKid; kid != fresh {
				t.Errorf("the new phone holds to %s, which was ended", kid)
			}
		})
	}
}

// apitestClaim claims as a phone does that tries again when the server is busy.
func apitestClaim(t *testing.T, w *apitest.World, par device.Pairing) string {
	t.Helper()
	uv, poll := phonesim.NewKey(), phonesim.NewKey()
	secret := par.Link[strings.LastIndexByte(par.Link, '.')+1:]
	a, b := phonesim.SPKI(&uv.PublicKey), phonesim.SPKI(&poll.PublicKey)
	payload := []byte(`{"secret":"` + secret + `","name":"Phone","platform":"ios","os":"","app":"","keys":{"uv":"` + phonesim.B64(a) + `","poll":"` + phonesim.B64(b) + `"}}`)
	message := phonesim.PairMessage(par.ID, secret, a, b, payload)
	claim := device.Claim{Payload: payload, SigUV: phonesim.Sign(uv, message), SigPoll: phonesim.Sign(poll, message)}
	var got device.ClaimResult
	err := database.ErrBusy.Because(nil)
	for tries := 0; tries < 3 && errors.Is(err, database.ErrBusy); tries++ {
		var again error
		got, again = w.Devices.Claim(context.Background(), par.ID, claim, "192.0.2.9", "test")
		if again == nil {
			return got.Device
		}
		if !errors.Is(again, database.ErrBusy) {
			t.Fatal(again)
		}
	}
	t.Fatal("the claim is refused as busy again and again")
	return ""
}

func TestAPhoneOfAnOlderReplicaIsGivenItsKey(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		kid := held(t, w, phone.ID).ServerKid
		w.InTx(func(tx database.Tx) error { return tx.Exec("UPDATE devices SET server_kid = ''").Error }) // as an older version leaves it
		if got := askedUnder(t, w, ana, phone); got != kid {
			t.Errorf("asked under %q", got)
		}
		if told, err := w.Devices.ServerKeys(w.Ctx, held(t, w, phone.ID)); err != nil || told.Current != kid || len(told.Steps) != 0 {
			t.Errorf("told %+v (%v)", told, err)
		}
		if err := w.Devices.Sweep(w.Ctx); err != nil {
			t.Fatal(err)
		}
		if got := held(t, w, phone.ID).ServerKid; got != kid {
			t.Errorf("its row says %q", got)
		}
	})
}

func TestASubscriptionKeepsItsKeyUntilItIsMadeAnew(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		by := phone.Actor(ana)
		register := func(endpoint, public string) error {
			more := ""
			if public != "" {
				more = `,"vapid_public_key":"` + public + `"`
			}
			return w.Devices.Register(w.Ctx, by, json.RawMessage(`{"kind":"webpush","endpoint":"https://push.example/`+endpoint+
				`","keys":{"p256dh":"BL6EmdWVJ9KSGe7bkMAccaxMOayx4nMy3pjkCS6YSCEyUvT37n6IQdPU6xBZQH_cOWH4qaoPNZe6V3sx12Lb5ik","auth":"AAECAwQFBgcICQoLDA0ODw"}`+more+`}`))
		}
		if err := register("1", ""); err != nil {
			t.Fatal(err)
		}
		first, err := w.Keys.Current(w.Ctx, serverkeys.VAPID)
		if err != nil {
			t.Fatal(err)
		}
		old, fresh := rotate(t, w, serverkeys.VAPID)
		d := held(t, w, phone.ID)
		again, err := w.Devices.Resubscribe(w.Ctx, d)
		if err != nil || !again || d.Push.VAPID != old || first.ID != old {
			t.Errorf("after the rotation: subscribed under %s, to be made anew %v (%v)", d.Push.VAPID, again, err)
		}
		if err := register("1", point(t, first)); err != nil { // a client that was between asking and registering
			t.Fatal(err)
		}
		if d := held(t, w, phone.ID); d.Push.VAPID != old {
			t.Errorf("it says it subscribed with the old key and is kept under %s", d.Push.VAPID)
		}
		if err := register("2", "BL6EmdWVJ9KSGe7bkMAccaxMOayx4nMy3pjkCS6YSCEyUvT37n6IQdPU6xBZQH_cOWH4qaoPNZe6V3sx12Lb5ik"); !errors.Is(err, device.ErrPush) {
			t.Errorf("a key that is none of ours: %v", err)
		}
		if err := register("2", ""); err != nil {
			t.Fatal(err)
		}
		d = held(t, w, phone.ID)
		if again, err := w.Devices.Resubscribe(w.Ctx, d); err != nil || again || d.Push.VAPID != fresh {
			t.Errorf("made anew: under %s, %v (%v)", d.Push.VAPID, again, err)
		}
		if n, err := w.Devices.EndServerKey(w.Ctx, operator, serverkeys.VAPID, old); err != nil || n != 0 {
			t.Errorf("%d subscriptions were left (%v)", n, err)
		}
	})
}

func TestEndingAVAPIDKeyRetiresItsSubscriptionsAndNoPhone(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		phone := w.PhoneWith(ana, apitest.NoConfirmation, `{"kind":"webpush","endpoint":"https://push.example/1","keys":{"p256dh":"BL6EmdWVJ9KSGe7bkMAccaxMOayx4nMy3pjkCS6YSCEyUvT37n6IQdPU6xBZQH_cOWH4qaoPNZe6V3sx12Lb5ik","auth":"AAECAwQFBgcICQoLDA0ODw"}}`)
		old, _ := rotate(t, w, serverkeys.VAPID)
		if n, err := w.Devices.EndServerKey(w.Ctx, operator, serverkeys.VAPID, old); err != nil || n != 1 {
			t.Fatalf("%d subscriptions (%v)", n, err)
		}
		d := held(t, w, phone.ID)
		if d.State != device.Active || d.Push != nil || d.PushState != "dead" || d.PushDetail != "vapid_key_ended" {
			t.Errorf("%s, push %v %s %s", d.State, d.Push, d.PushState, d.PushDetail)
		}
	})
}

// point is a key as browsers take it.
func point(t *testing.T, k serverkeys.Key) string {
	t.Helper()
	b, err := k.Private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return signing.B64(b)
}
