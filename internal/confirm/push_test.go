package confirm_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/fakepush"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/push/fcm"
)

const registration = "registration-of-ana"

// pushed is a world whose phones are pushed through the production sender to a strict stand-in of FCM.
type pushed struct {
	*apitest.World
	fake  *fakepush.Fake
	ana   actor.Actor
	phone *apitest.Phone
}

func withFCM(t *testing.T, do func(t *testing.T, p *pushed)) {
	t.Helper()
	for _, d := range dbtest.Dialects {
		t.Run(d, func(t *testing.T) {
			fake, err := fakepush.New(fakepush.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = fake.Close() })
			sender, err := fcm.New(t.Context(), fcm.Config{CredentialsJSON: fake.FCMCredentials(), Endpoint: fake.FCMEndpoint(), RootCAs: fake.Pool()})
			if err != nil {
				t.Fatal(err)
			}
			p := &pushed{World: apitest.New(t, d, push.Mux{push.FCM: sender}), fake: fake}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() { defer close(done); p.Run(ctx) }()
			t.Cleanup(func() { cancel(); <-done })
			p.ana = p.Workspace("acme")
			p.phone = p.PhoneWith(p.ana, apitest.NoConfirmation, `{"kind":"fcm","token":"`+registration+`"}`)
			p.settled(t) // the phone's activation is pushed, or was answered before it could be
			do(t, p)
		})
	}
}

// settled waits until nothing is left to push.
func (p *pushed) settled(t *testing.T) {
	t.Helper()
	for {
		s, err := p.Outbox.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Waiting == 0 {
			return
		}
	}
}

// delivered is the next push about a confirmation; the phone's activation may have been pushed before it.
func (p *pushed) delivered(t *testing.T, id string) fakepush.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		d, err := p.fake.Wait(ctx, registration)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(d.Payload), id) {
			return d
		}
	}
}

// until waits for a version of v that fits.
func (p *pushed) until(t *testing.T, v confirm.View, fits func(confirm.View) bool) confirm.View {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !fits(v); {
		if time.Now().After(end) {
			t.Fatalf("still %+v", v)
		}
		var err error
		if v, err = p.Confirms.Wait(t.Context(), p.ana, v.ID, v.Version, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func delivery(how string) func(confirm.View) bool {
	return func(v confirm.View) bool { return v.Devices[0].Delivery == how }
}

func TestAPushReachesThePhoneAndTheDialogSaysSo(t *testing.T) {
	withFCM(t, func(t *testing.T, p *pushed) {
		v := ask(t, p.World, p.ana)
		if d := p.delivered(t, v.ID); d.Collapse == "" || d.Payload == nil {
			t.Errorf("delivered %+v", d)
		}
		p.until(t, v, delivery("sent"))
		all, err := p.Devices.List(p.Ctx, p.ana)
		if err != nil || all[0].PushState != "working" || all[0].Delivered == nil {
			t.Errorf("%+v, %v", all[0], err)
		}
	})
}

func TestADeadRegistrationIsRetiredAndTheQuestionWaitsToBePulled(t *testing.T) {
	withFCM(t, func(t *testing.T, p *pushed) {
		p.fake.Script(registration, fakepush.Step{Do: "UNREGISTERED"})
		v := p.until(t, ask(t, p.World, p.ana), delivery("failed"))
		if v.Devices[0].Detail != "UNREGISTERED" {
			t.Errorf("detail %q", v.Devices[0].Detail)
		}
		all, err := p.Devices.List(p.Ctx, p.ana)
		if err != nil || all[0].Push != nil || all[0].PushState != "dead" {
			t.Errorf("%+v, %v", all[0], err)
		}
		state, err := p.phone.Approve(v.ID, "")
		must(t, confirm.Approved, state, err)
	})
}

func TestAServiceThatIsDownIsAskedAgain(t *testing.T) {
	withFCM(t, func(t *testing.T, p *pushed) {
		p.fake.Script(registration, fakepush.Step{Do: "UNAVAILABLE", RetryAfter: 1})
		v := p.until(t, ask(t, p.World, p.ana), delivery("failed"))
		p.delivered(t, v.ID)
		p.until(t, v, delivery("sent"))

		before := p.fake.Requests(registration)
		p.fake.Script(registration, fakepush.Step{Do: "UNAVAILABLE", RetryAfter: 1}, fakepush.Step{Do: "UNAVAILABLE", RetryAfter: 1})
		other := p.ana
		other.Session = []byte("another window of the same person")[:32]
		v, _, err := p.Confirms.Ask(p.Ctx, other, confirm.Ask{Action: confirm.RevealToken})
		if err != nil {
			t.Fatal(err)
		}
		apitest.Until(t, "after the second try nobody goes on", func() bool {
			stats, err := p.Outbox.Stats(p.Ctx)
			return err == nil && stats.Dead == 1 && stats.Waiting == 0
		})
		if n := p.fake.Requests(registration) - before; n != 2 {
			t.Errorf("a service that stays down was asked %d times, want 2", n)
		}
		if v, err = p.Confirms.View(p.Ctx, other, v.ID); err != nil || v.Devices[0].Delivery != "failed" || v.State != confirm.Pending {
			t.Errorf("the dialog says %+v of %s, %v", v.Devices, v.State, err)
		}
	})
}

func TestTenPushesWithoutASuccessAreTheMost(t *testing.T) {
	withFCM(t, func(t *testing.T, p *pushed) {
		ids := map[string]bool{}
		for n := range 14 {
			s := p.ana
			s.Session = fmt.Appendf(nil, "%032d", n)
			v, _, err := p.Confirms.Ask(p.Ctx, s, confirm.Ask{Action: confirm.RevealToken})
			if err != nil {
				t.Fatal(err)
			}
			ids[v.ID] = true
			if over := n >= 10; over != (v.Devices[0].Detail == "push_budget") {
				t.Errorf("question %d: %+v", n+1, v.Devices[0])
			}
			if n < 10 {
				p.delivered(t, v.ID)
			}
			p.Offset.Advance(7 * time.Minute) // below the limits on requests, and the one before is over
		}
		last := p.ana
		last.Session = []byte("the owner, at the end, by herself")[:32]
		p.Offset.Advance(time.Hour)
		v, _, err := p.Confirms.Ask(p.Ctx, last, confirm.Ask{Action: confirm.RevealToken})
		if err != nil {
			t.Fatal(err)
		}
		state, err := p.phone.Approve(v.ID, v.Code) // she opened the app
		must(t, confirm.Approved, state, err)
		if _, err := p.Confirms.Collect(p.Ctx, last, v.ID); err != nil {
			t.Fatal(err)
		}
		if v := ask(t, p.World, last); v.Devices[0].Detail != "" {
			t.Errorf("after a success the budget is not full again: %+v", v.Devices[0])
		}
	})
}

func TestTheSameQuestionIsSentAgainTwiceAtMost(t *testing.T) {
	withFCM(t, func(t *testing.T, p *pushed) {
		v := ask(t, p.World, p.ana)
		_, err := p.Confirms.Resend(p.Ctx, p.ana, v.ID)
		if f := refused(t, confirm.ErrLimited, err); f.RetryAfter > 20*time.Second {
			t.Errorf("retry after %v", f.RetryAfter)
		}
		for range 2 {
			p.Offset.Advance(21 * time.Second)
			if _, err := p.Confirms.Resend(p.Ctx, p.ana, v.ID); err != nil {
				t.Fatal(err)
			}
		}
		p.Offset.Advance(21 * time.Second)
		_, err = p.Confirms.Resend(p.Ctx, p.ana, v.ID)
		refused(t, confirm.ErrLimited, err)
		for range 3 {
			p.delivered(t, v.ID)
		}
	})
}

func TestTheQuestionIsTakenBackFromTheOtherPhone(t *testing.T) {
	withFCM(t, func(t *testing.T, p *pushed) {
		second := p.PhoneWith(p.ana, func(database.Tx) error { return nil }, "")
		v := ask(t, p.World, p.ana)
		p.delivered(t, v.ID)
		if _, err := second.Approve(v.ID, v.Code); err != nil {
			t.Fatal(err)
		}
		if d := p.delivered(t, v.ID); string(d.Payload) != `{"cid":"`+v.ID+`","t":"done"}` {
			t.Errorf("withdrawn with %s", d.Payload)
		}
	})
}
