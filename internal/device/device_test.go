package device_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/signing"
)

func begin(t *testing.T, w *apitest.World, by actor.Actor) device.Pairing {
	t.Helper()
	p, err := w.Devices.Begin(w.Ctx, by, apitest.NoConfirmation)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func secretOf(p device.Pairing) string { return p.Link[strings.LastIndexByte(p.Link, '.')+1:] }

func claim(w *apitest.World, id string, c device.Claim) error {
	_, err := w.Devices.Claim(w.Ctx, id, c, "192.0.2.9", "Companion/1")
	return err
}

func TestPairingByLinkAndByTypedCode(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		p := begin(t, w, ana)
		whose, err := w.Devices.Resolve(w.Ctx, strings.ToLower(strings.Replace(p.Code, "-", " ", 1)), "192.0.2.9")
		if err != nil || whose.ID != p.ID || whose.Person != (device.Named{ID: ana.Person, Name: "Ana Kovač"}) || whose.Workspace.Name != "Workspace acme" {
			t.Fatalf("resolved %+v, %v", whose, err)
		}
		phone := w.Claim(p, "")
		typed := begin(t, w, w.Colleague(ana, "ben", directory.Admin))
		other := &apitest.Phone{UV: apitest.Key(t), Poll: apitest.Key(t)}
		if err := claim(w, typed.ID, other.ClaimOf(typed.ID, ident.NormalCode(typed.Code), "")); err != nil {
			t.Errorf("claimed by typed code: %v", err)
		}
		got, err := w.Devices.Match(w.Ctx, ana, p.ID, true)
		if err != nil || got.State != "matched" || len(got.SAS) != 6 || got.Device.ID != phone.ID {
			t.Errorf("matched %+v, %v", got, err)
		}
	})
}

func TestAClaimIsRefused(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		p := begin(t, w, ana)
		fresh := func() *apitest.Phone { return &apitest.Phone{UV: apitest.Key(t), Poll: apitest.Key(t)} }
		same := apitest.Key(t)
		good := fresh().ClaimOf(p.ID, secretOf(p), "")
		for name, tc := range map[string]struct {
			claim device.Claim
			want  error
		}{
			"one key for both":                 {(&apitest.Phone{UV: same, Poll: same}).ClaimOf(p.ID, secretOf(p), ""), device.ErrBadKey},
			"a signature over another pairing": {fresh().ClaimOf("par_other", secretOf(p), ""), device.ErrBadSignature},
			"a changed payload":                {device.Claim{Payload: []byte(strings.Replace(string(good.Payload), "iPhone", "Pixel", 1)), SigUV: good.SigUV, SigPoll: good.SigPoll}, device.ErrBadSignature},
			"an unknown field":                 {device.Claim{Payload: []byte(strings.Replace(string(good.Payload), `"app"`, `"admin":true,"app"`, 1)), SigUV: good.SigUV, SigPoll: good.SigPoll}, httpkit.ErrUnknownField},
			"a push endpoint without https":    {fresh().ClaimOf(p.ID, secretOf(p), `{"kind":"webpush","endpoint":"http://127.0.0.1/x","keys":{"p256dh":"x","auth":"y"}}`), device.ErrPush},
		} {
			err := claim(w, p.ID, tc.claim)
			if fault.From(err).Kind != fault.Invalid || tc.want != device.ErrPush && !errors.Is(err, tc.want) {
				t.Errorf("%s: %v, want %v", name, err, tc.want)
			}
		}
		if err := claim(w, p.ID, good); err != nil {
			t.Fatalf("the pairing did not stay open: %v", err)
		}
		if err := claim(w, p.ID, fresh().ClaimOf(p.ID, secretOf(p), "")); !errors.Is(err, device.ErrAlreadyClaimed) {
			t.Errorf("claimed twice: %v", err)
		}
		next := begin(t, w, ana)
		reused := good
		reused.Payload = nil
		w.Offset.Advance(5*time.Minute + time.Second)
		if err := claim(w, next.ID, fresh().ClaimOf(next.ID, secretOf(next), "")); !errors.Is(err, device.ErrPairingExpired) {
			t.Errorf("after its time: %v", err)
		}
		if err := claim(w, "par_unknown", fresh().ClaimOf("par_unknown", "x", "")); !errors.Is(err, fault.ErrNotFound) {
			t.Errorf("unknown: %v", err)
		}
	})
}

func TestTheFifthWrongSecretEndsThePairing(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		p := begin(t, w, ana)
		for n := range 5 {
			phone := &apitest.Phone{UV: apitest.Key(t), Poll: apitest.Key(t)}
			if err := claim(w, p.ID, phone.ClaimOf(p.ID, fmt.Sprint("guess", n), "")); !errors.Is(err, fault.ErrNotFound) {
				t.Fatalf("guess %d: %v", n, err)
			}
		}
		got, err := w.Devices.Pairing(w.Ctx, ana, p.ID)
		if err != nil || got.State != "refused" {
			t.Errorf("state %s, %v", got.State, err)
		}
		phone := &apitest.Phone{UV: apitest.Key(t), Poll: apitest.Key(t)}
		if err := claim(w, p.ID, phone.ClaimOf(p.ID, secretOf(p), "")); !errors.Is(err, device.ErrPairingExpired) {
			t.Errorf("the right secret afterwards: %v", err)
		}
	})
}

func TestWrongTypedCodesAreLimitedForTheAddress(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		p := begin(t, w, w.Workspace("acme"))
		for n := range 5 {
			if _, err := w.Devices.Resolve(w.Ctx, fmt.Sprintf("AAAA000%d", n), "203.0.113.5"); !errors.Is(err, fault.ErrNotFound) {
				t.Fatalf("wrong code %d: %v", n+1, err)
			}
		}
		_, err := w.Devices.Resolve(w.Ctx, "AAAA0009", "203.0.113.5")
		if !errors.Is(err, device.ErrTooManyCodes) || fault.From(err).RetryAfter <= 0 {
			t.Fatalf("the sixth: %v", err)
		}
		if _, err := w.Devices.Resolve(w.Ctx, p.Code, "203.0.113.6"); err != nil {
			t.Errorf("another address: %v", err)
		}
		w.Offset.Advance(time.Minute + time.Second)
		if _, err := w.Devices.Resolve(w.Ctx, p.Code, "203.0.113.5"); err != nil {
			t.Errorf("a minute later: %v", err)
		}
	})
}

func TestDifferentDigitsEndThePairingAndThePhone(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		p := begin(t, w, ana)
		phone := w.Claim(p, "")
		got, err := w.Devices.Match(w.Ctx, ana, p.ID, false)
		if err != nil || got.State != "refused" {
			t.Fatalf("state %s, %v", got.State, err)
		}
		if _, err := phone.Signed(); !errors.Is(err, device.ErrUnauthorized) {
			t.Errorf("the refused phone: %v", err)
		}
	})
}

func TestAStolenSessionCanNeitherAddNorRemoveAPhone(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		spend := func(tx database.Tx) error { return w.Confirms.Spend(tx, ana, "", confirm.AddDevice, "") }
		if _, err := w.Devices.Begin(w.Ctx, ana, spend); !errors.Is(err, confirm.ErrRequired) {
			t.Errorf("a second phone: %v", err)
		}
		remove := func(tx database.Tx) error {
			return w.Confirms.Spend(tx, ana, "cnf_guess", confirm.RemoveDevice, "device:"+phone.ID)
		}
		if err := w.Devices.Remove(w.Ctx, ana, phone.ID, remove); !errors.Is(err, confirm.ErrRequired) {
			t.Errorf("removing the phone: %v", err)
		}
		stale := ana
		stale.Verified = ana.Verified.Add(-6 * time.Minute)
		if _, err := w.Devices.Begin(w.Ctx, stale, spend); !errors.Is(err, device.ErrReauthenticate) {
			t.Errorf("with an old sign-in: %v", err)
		}
	})
}

func TestAConfirmationIsSpentOnceAndOnlyOnWhatItWasFor(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		v, _, err := w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.AddDevice})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := phone.Approve(v.ID, v.Code); err != nil {
			t.Fatal(err)
		}
		unfit := func(tx database.Tx) error {
			return w.Confirms.Spend(tx, ana, v.ID, confirm.RemoveDevice, "device:"+phone.ID)
		}
		if err := w.Devices.Remove(w.Ctx, ana, phone.ID, unfit); !errors.Is(err, confirm.ErrRequired) {
			t.Fatalf("spent on something else: %v", err)
		}
		spend := func(tx database.Tx) error { return w.Confirms.Spend(tx, ana, v.ID, confirm.AddDevice, "") }
		second := w.PhoneWith(ana, spend, "")
		if _, err := w.Devices.Begin(w.Ctx, ana, spend); !errors.Is(err, confirm.ErrRequired) {
			t.Errorf("spent twice: %v", err)
		}
		if err := w.Devices.RemoveSelf(w.Ctx, second.Actor(ana)); err != nil {
			t.Errorf("a phone removes itself: %v", err)
		}
	})
}

func TestAfterTheLastPhoneOnlyRecoveryPairs(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		lost := w.Phone(ana)
		if err := w.Devices.RemoveSelf(w.Ctx, lost.Actor(ana)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Devices.Begin(w.Ctx, ana, apitest.NoConfirmation); !errors.Is(err, device.ErrRecovery) {
			t.Fatalf("without recovery: %v", err)
		}
		var secret string
		w.InTx(func(tx database.Tx) (err error) {
			secret, _, err = w.Devices.OpenRecovery(tx, actor.Actor{Kind: actor.Operator, Workspace: ana.Workspace}, ana.Person)
			return err
		})
		eve := w.Colleague(ana, "eve", directory.Admin)
		if err := w.Devices.UseRecovery(w.Ctx, eve, secret); !errors.Is(err, device.ErrRecoveryLink) {
			t.Errorf("for somebody else: %v", err)
		}
		if err := w.Devices.UseRecovery(w.Ctx, ana, secret); err != nil {
			t.Fatal(err)
		}
		if err := w.Devices.UseRecovery(w.Ctx, ana, secret); !errors.Is(err, device.ErrRecoveryLink) {
			t.Errorf("used twice: %v", err)
		}
		w.Phone(ana)
		if _, err := w.Devices.Begin(w.Ctx, ana, apitest.NoConfirmation); !errors.Is(err, confirm.ErrRequired) {
			t.Errorf("the recovery is used up: %v", err)
		}
	})
}

func TestRecoveryReplacesTheLostPhone(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		lost := w.Phone(ana)
		var secret string
		w.InTx(func(tx database.Tx) (err error) {
			secret, _, err = w.Devices.OpenRecovery(tx, actor.Actor{Kind: actor.Operator, Workspace: ana.Workspace}, ana.Person)
			return err
		})
		if err := w.Devices.UseRecovery(w.Ctx, ana, secret); err != nil {
			t.Fatal(err)
		}
		w.Phone(ana)
		if _, err := lost.Signed(); !errors.Is(err, device.ErrUnauthorized) {
			t.Errorf("the lost phone still speaks: %v", err)
		}
	})
}

func TestSignedCalls(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		now, err := w.DB.Now(w.Ctx)
		if err != nil {
			t.Fatal(err)
		}
		w.Offset.Stop(now)
		jti := ident.Secret(16)
		good := phone.Request(now, jti)
		signed, err := w.Devices.Authenticate(w.Ctx, good)
		if err != nil || signed.Actor.Person != ana.Person {
			t.Fatalf("%+v, %v", signed.Actor, err)
		}
		if err := w.Devices.RecordNow(w.Ctx, signed); err != nil {
			t.Fatal(err)
		}
		if err := w.Devices.RecordNow(w.Ctx, signed); !errors.Is(err, device.ErrReplayed) {
			t.Errorf("replayed: %v", err)
		}
		other := good
		other.Body = []byte("{}")
		longer := good
		longer.Path += "?a=1"
		for name, tc := range map[string]struct {
			r    device.Request
			want error
		}{
			"another body":          {other, device.ErrUnauthorized},
			"another path":          {longer, device.ErrUnauthorized},
			"no header":             {device.Request{Method: "GET", Path: "/"}, device.ErrUnauthorized},
			"an unknown phone":      {device.Request{Method: good.Method, Path: good.Path, Header: strings.Replace(good.Header, phone.ID, "dev_other", 1)}, device.ErrUnauthorized},
			"a short jti":           {device.Request{Method: good.Method, Path: good.Path, Header: strings.Replace(good.Header, jti, "AAAA", 1)}, device.ErrUnauthorized},
			"61 seconds old":        {phone.Request(now.Add(-61*time.Second), ident.Secret(16)), device.ErrClockSkew},
			"61 seconds ahead":      {phone.Request(now.Add(62*time.Second), ident.Secret(16)), device.ErrClockSkew},
			"fields in other order": {device.Request{Method: good.Method, Path: good.Path, Header: "v1;ts=1;dev=" + phone.ID + ";jti=" + jti + ";sig=x"}, device.ErrUnauthorized},
		} {
			if _, err := w.Devices.Authenticate(w.Ctx, tc.r); !errors.Is(err, tc.want) {
				t.Errorf("%s: %v, want %v", name, err, tc.want)
			}
		}
		if _, err := w.Devices.Authenticate(w.Ctx, phone.Request(now.Add(-59*time.Second), ident.Secret(16))); err != nil {
			t.Errorf("59 seconds old: %v", err)
		}
	})
}

func TestBadSignaturesAreLimitedWithoutWriting(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		phone := w.Phone(w.Workspace("acme"))
		now, err := w.DB.Now(w.Ctx)
		if err != nil {
			t.Fatal(err)
		}
		for range 60 {
			bad := phone.Request(now, ident.Secret(16))
			bad.Body = []byte("x")
			if _, err := w.Devices.Authenticate(w.Ctx, bad); !errors.Is(err, device.ErrUnauthorized) {
				t.Fatal(err)
			}
		}
		if _, err := phone.Signed(); !errors.Is(err, device.ErrBadSigs) {
			t.Errorf("after sixty: %v", err)
		}
		w.Offset.Advance(time.Minute + time.Second)
		if _, err := phone.Signed(); err != nil {
			t.Errorf("a minute later: %v", err)
		}
	})
}

func TestAPushAddressBelongsToOnePhone(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		address := `{"kind":"fcm","token":"registration-1"}`
		first := w.PhoneWith(ana, apitest.NoConfirmation, address)
		ben := w.Colleague(ana, "ben", directory.Admin)
		w.PhoneWith(ben, apitest.NoConfirmation, address)
		all, err := w.Devices.List(w.Ctx, ana)
		if err != nil || len(all) != 1 || all[0].ID != first.ID || all[0].Push != nil || all[0].PushState != "dead" {
			t.Errorf("the older phone: %+v, %v", all, err)
		}
	})
}

func TestTwentyPhonesAtMost(t *testing.T) {
	w := apitest.New(t, database.SQLite, nil)
	ana := w.Workspace("acme")
	w.Phone(ana)
	any := func(database.Tx) error { return nil }
	for range 19 {
		w.PhoneWith(ana, any, "")
	}
	if _, err := w.Devices.Begin(w.Ctx, ana, any); !errors.Is(err, device.ErrTooMany) {
		t.Errorf("the 21st: %v", err)
	}
}

func TestOneClaimWinsAmongMany(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		p := begin(t, w, w.Workspace("acme"))
		var wg sync.WaitGroup
		results := make([]error, 16)
		for i := range results {
			phone := &apitest.Phone{UV: apitest.Key(t), Poll: apitest.Key(t)}
			c := phone.ClaimOf(p.ID, secretOf(p), "")
			wg.Go(func() { results[i] = claim(w, p.ID, c) })
		}
		wg.Wait()
		won := slices.DeleteFunc(results, func(err error) bool { return errors.Is(err, device.ErrAlreadyClaimed) })
		if len(won) != 1 || won[0] != nil {
			t.Errorf("not refused: %v", won)
		}
	})
}

func TestASecretIsStoredAsItsHashAlone(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		p := begin(t, w, w.Workspace("acme"))
		var row map[string]any
		if err := w.DB.Read(w.Ctx).Raw("SELECT * FROM pairings WHERE id = ?", p.ID).Scan(&row).Error; err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint(row)
		for _, secret := range []string{secretOf(p), p.Code, ident.NormalCode(p.Code)} {
			if strings.Contains(text, secret) || strings.Contains(text, signing.B64([]byte(secret))) {
				t.Error("the row shows a secret")
			}
		}
	})
}
