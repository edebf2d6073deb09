package confirm_test

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/fakepush"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/push/apns"
	"github.com/countersign/countersign/internal/push/fcm"
	"github.com/countersign/countersign/internal/push/webpush"
)

// channels is a world whose phones are pushed through the three production senders to strict stand-ins of the services.
type channels struct {
	*apitest.World
	fake *fakepush.Fake
	ana  actor.Actor
}

// byEnvironment reaches Apple's two environments, which are two hosts.
type byEnvironment map[string]push.Sender

func (s byEnvironment) Send(ctx context.Context, to push.Address, m push.Message) push.Result {
	return s[to.Env].Send(ctx, to, m)
}

func withChannels(t *testing.T, do func(t *testing.T, c *channels)) {
	t.Helper()
	for _, d := range dbtest.Dialects {
		t.Run(d, func(t *testing.T) {
			fake, err := fakepush.New(fakepush.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = fake.Close() })
			c := &channels{World: apitest.New(t, d, senders(t, fake)), fake: fake}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() { defer close(done); c.Run(ctx) }()
			t.Cleanup(func() { cancel(); <-done })
			c.ana = c.Workspace("acme")
			do(t, c)
		})
	}
}

func senders(t *testing.T, fake *fakepush.Fake) push.Sender {
	t.Helper()
	google, err := fcm.New(t.Context(), fcm.Config{CredentialsJSON: fake.FCMCredentials(), Endpoint: fake.FCMEndpoint(), RootCAs: fake.Pool()})
	if err != nil {
		t.Fatal(err)
	}
	apple := byEnvironment{}
	for env, host := range map[string]string{push.Production: fake.APNsURL, push.Sandbox: fake.APNsSandboxURL} {
		if apple[env], err = apns.New(apns.Config{KeyPEM: fake.APNsKeyPEM(), KeyID: fake.APNsKeyID, TeamID: fake.APNsTeamID, Topic: fake.Topic, Host: host,
			RootCAs: fake.Pool()}); err != nil {
			t.Fatal(err)
		}
	}
	u, err := url.Parse(fake.WebPushURL)
	if err != nil {
		t.Fatal(err)
	}
	key := apitest.Key(t)
	web, err := webpush.New(webpush.Config{Key: func(context.Context, string) (*ecdsa.PrivateKey, error) { return key, nil }, Subject: "mailto:ops@acme.test",
		RootCAs: fake.Pool(), AllowHosts: []string{u.Host}})
	if err != nil {
		t.Fatal(err)
	}
	return push.Mux{push.FCM: google, push.APNs: apple, push.WebPush: web}
}

// address is a fresh registration of a kind: its JSON and what the stand-in knows it by.
func (c *channels) address(kind push.Kind) (body, known string) {
	switch kind {
	case push.FCM:
		token := "registration-" + fmt.Sprint(time.Now().UnixNano())
		return fmt.Sprintf(`{"kind":"fcm","token":%q}`, token), token
	case push.APNs:
		token := c.fake.APNsToken(push.Production)
		return fmt.Sprintf(`{"kind":"apns","token":%q,"env":"production","topic":%q}`, token, c.fake.Topic), token
	default:
		s := c.fake.Subscribe("")
		return fmt.Sprintf(`{"kind":"webpush","endpoint":%q,"keys":{"p256dh":%q,"auth":%q}}`, s.Endpoint, s.Keys.P256DH, s.Keys.Auth), s.Endpoint
	}
}

// phone pairs a phone with a registration and waits until its activation needs no push any more.
func (c *channels) phone(t *testing.T, by actor.Actor, body string) *apitest.Phone {
	t.Helper()
	p := c.PhoneWith(by, func(database.Tx) error { return nil }, body)
	c.settled(t)
	return p
}

func (c *channels) settled(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		s, err := c.Outbox.Stats(t.Context())
		if err != nil || time.Now().After(end) {
			t.Fatal(s, err)
		}
		if s.Waiting == 0 {
			return
		}
	}
}

// outcome waits until the one phone's delivery is decided.
func (c *channels) outcome(t *testing.T, v confirm.View) confirm.Delivery {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); v.Devices[0].Delivery == "queued"; {
		if time.Now().After(end) {
			t.Fatalf("still %+v", v.Devices)
		}
		var err error
		if v, err = c.Confirms.Wait(t.Context(), c.ana, v.ID, v.Version, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	return v.Devices[0]
}

// TestStaleRegistrations is the table of protocol.md §6.1: what each signal of a push service does to a registration, and what the dialog says.
func TestStaleRegistrations(t *testing.T) {
	old, young := int64(1), time.Now().Add(-time.Hour).UnixMilli()
	for name, tc := range map[string]struct {
		kind  push.Kind
		step  fakepush.Step
		first bool // nothing has been pushed with success before
		state string
		kept  bool
	}{
		"FCM: UNREGISTERED ends the registration":                 {kind: push.FCM, step: fakepush.Step{Do: "UNREGISTERED"}, state: "dead"},
		"FCM: SENDER_ID_MISMATCH is our mistake, nothing is lost": {kind: push.FCM, step: fakepush.Step{Do: "SENDER_ID_MISMATCH"}, state: "failing", kept: true},
		"FCM: INVALID_ARGUMENT before anything worked":            {kind: push.FCM, step: fakepush.Step{Do: "INVALID_ARGUMENT"}, first: true, state: "failing", kept: true},
		"FCM: INVALID_ARGUMENT about the payload":                 {kind: push.FCM, step: fakepush.Step{Do: "INVALID_PAYLOAD"}, state: "failing", kept: true},
		"FCM: INVALID_ARGUMENT about the token, others work":      {kind: push.FCM, step: fakepush.Step{Do: "INVALID_ARGUMENT"}, state: "dead"},
		"FCM: THIRD_PARTY_AUTH_ERROR is our mistake":              {kind: push.FCM, step: fakepush.Step{Do: "THIRD_PARTY_AUTH_ERROR"}, state: "failing", kept: true},
		"APNs: Unregistered after the registration":               {kind: push.APNs, step: fakepush.Step{Do: "Unregistered"}, state: "dead"},
		"APNs: Unregistered before the registration":              {kind: push.APNs, step: fakepush.Step{Do: "Unregistered", Timestamp: young}, state: "registered", kept: true},
		"APNs: Unregistered long before the registration":         {kind: push.APNs, step: fakepush.Step{Do: "Unregistered", Timestamp: old}, state: "registered", kept: true},
		"APNs: ExpiredToken":                                      {kind: push.APNs, step: fakepush.Step{Do: "ExpiredToken"}, state: "dead"},
		"APNs: BadDeviceToken":                                    {kind: push.APNs, step: fakepush.Step{Do: "BadDeviceToken"}, state: "dead"},
		"APNs: DeviceTokenNotForTopic is our mistake":             {kind: push.APNs, step: fakepush.Step{Do: "DeviceTokenNotForTopic"}, state: "failing", kept: true},
		"APNs: BadEnvironmentKeyIdInToken is our mistake":         {kind: push.APNs, step: fakepush.Step{Do: "BadEnvironmentKeyIdInToken"}, state: "failing", kept: true},
		"Web Push: 404 ends the subscription":                     {kind: push.WebPush, step: fakepush.Step{Do: "404"}, state: "dead"},
		"Web Push: 410 ends the subscription":                     {kind: push.WebPush, step: fakepush.Step{Do: "410"}, state: "dead"},
		"Web Push: 403 is our key":                                {kind: push.WebPush, step: fakepush.Step{Do: "403"}, state: "failing", kept: true},
	} {
		t.Run(name, func(t *testing.T) {
			withChannels(t, func(t *testing.T, c *channels) {
				body, known := c.address(tc.kind)
				p := c.phone(t, c.ana, map[bool]string{false: body}[tc.first])
				if tc.first { // not even its activation was pushed
					if err := c.Devices.Register(c.Ctx, p.Actor(c.ana), []byte(body)); err != nil {
						t.Fatal(err)
					}
				}
				if !tc.first && tc.kind == push.FCM { // a success, so that a bad token can be told from a bad project
					v := ask(t, c.World, c.ana)
					must(t, "sent", c.outcome(t, v).Delivery, nil)
					if _, err := c.Confirms.Cancel(c.Ctx, c.ana, v.ID); err != nil {
						t.Fatal(err)
					}
					c.settled(t)
				}
				if tc.state == "registered" {
					c.registered(t, p)
				}
				c.fake.Script(known, tc.step, tc.step)
				v := ask(t, c.World, c.ana)
				if got := c.outcome(t, v); got.Delivery != "failed" || got.Detail == "" {
					t.Errorf("the dialog says %+v", got)
				}
				d, err := device.Find(c.DB.Read(c.Ctx), c.ana.Workspace, p.ID)
				must(t, tc.kept, d.Push != nil, err)
				must(t, tc.state, d.PushState, nil)
				all, _, err := c.Confirms.Waiting(c.Ctx, p.Actor(c.ana)) // whatever became of the push, the app finds the question
				must(t, v.ID, all[0].CID, err)
			})
		})
	}
}

// registered makes the phone's registration look just made.
func (c *channels) registered(t *testing.T, p *apitest.Phone) {
	t.Helper()
	c.InTx(func(tx database.Tx) error {
		return tx.Exec("UPDATE devices SET push_state = 'registered' WHERE id = ?", p.ID).Error
	})
}

func TestAPhoneUnseenForSixtyDaysIsNotPushed(t *testing.T) {
	withChannels(t, func(t *testing.T, c *channels) {
		body, known := c.address(push.FCM)
		c.phone(t, c.ana, body)
		before := c.fake.Requests(known)
		c.Offset.Advance(61 * 24 * time.Hour)
		v := ask(t, c.World, c.ana)
		must(t, "queued unseen", v.Devices[0].Delivery+" "+v.Devices[0].Detail, nil)
		c.settled(t)
		must(t, before, c.fake.Requests(known), nil)
	})
}

func TestAPhoneThatNamedTheWrongEnvironmentIsFoundInTheOther(t *testing.T) {
	withChannels(t, func(t *testing.T, c *channels) {
		token := c.fake.APNsToken(push.Sandbox)
		par, err := c.Devices.Begin(c.Ctx, c.ana, apitest.NoConfirmation)
		if err != nil {
			t.Fatal(err)
		}
		p := c.Claim(par, fmt.Sprintf(`{"kind":"apns","token":%q,"env":"production","topic":%q}`, token, c.fake.Topic))
		if _, err := c.Devices.Match(c.Ctx, c.ana, par.ID, true); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if _, err := c.fake.Wait(ctx, token); err != nil {
			t.Fatal(err)
		}
		c.settled(t)
		d, err := device.Find(c.DB.Read(c.Ctx), c.ana.Workspace, p.ID)
		must(t, push.Sandbox, d.Push.Env, err)
	})
}

// TestARegistrationThatAnotherPersonTakes: a telephone was sold, or somebody registers a stranger's token (security.md A-18).
func TestARegistrationThatAnotherPersonTakes(t *testing.T) {
	withChannels(t, func(t *testing.T, c *channels) {
		eve := c.Workspace("evil")
		body, known := c.address(push.FCM)
		p := c.phone(t, c.ana, body)
		thief := c.PhoneWith(eve, apitest.NoConfirmation, body)
		c.settled(t)
		d, err := device.Find(c.DB.Read(c.Ctx), c.ana.Workspace, p.ID)
		must(t, "dead registered_elsewhere", d.PushState+" "+d.PushDetail, err)
		items, _, err := notice.Of(c.DB.Read(c.Ctx), c.ana)
		must(t, true, strings.Contains(kinds(items), "device.push_detached"), err)
		before := c.fake.Requests(known)
		v := ask(t, c.World, c.ana)
		must(t, "no_push", v.Devices[0].Detail, nil)
		c.settled(t)
		must(t, before, c.fake.Requests(known), nil)
		// The owner's app registers anew, as it does at every start, and has its pushes back.
		if err := c.Devices.Register(c.Ctx, p.Actor(c.ana), []byte(body)); err != nil {
			t.Fatal(err)
		}
		d, err = device.Find(c.DB.Read(c.Ctx), eve.Workspace, thief.ID)
		must(t, true, d.Push == nil, err)
	})
}

// TestWithdrawalOnEveryChannel: once one phone has answered, the question is taken off the others, each in its service's way (protocol.md §6).
func TestWithdrawalOnEveryChannel(t *testing.T) {
	withChannels(t, func(t *testing.T, c *channels) {
		known := map[push.Kind]string{}
		for _, kind := range []push.Kind{push.FCM, push.APNs, push.WebPush} {
			body, at := c.address(kind)
			known[kind] = at
			c.phone(t, c.ana, body)
		}
		answering := c.phone(t, c.ana, "")
		v := ask(t, c.World, c.ana)
		c.settled(t)
		if _, err := answering.Approve(v.ID, v.Code); err != nil {
			t.Fatal(err)
		}
		c.settled(t)
		about := func(kind push.Kind) (out []fakepush.Delivery) {
			for _, d := range c.fake.Delivered(known[kind]) {
				if strings.Contains(string(d.Payload), v.ID) {
					out = append(out, d)
				}
			}
			return out
		}
		for kind, want := range map[push.Kind]int{push.FCM: 2, push.APNs: 3, push.WebPush: 2} { // Apple gets a replacing text and a background push
			got := about(kind)
			if len(got) != want {
				t.Errorf("%s: %d pushes about it, want %d", kind, len(got), want)
				continue
			}
			for _, d := range got[1:] {
				if !strings.Contains(string(d.Payload), `"t":"done"`) {
					t.Errorf("%s: %s", kind, d.Payload)
				}
			}
			if kind != push.FCM && got[1].Collapse != got[0].Collapse { // FCM's app takes its own notification away, by the id
				t.Errorf("%s: asked under %q, taken back under %q", kind, got[0].Collapse, got[1].Collapse)
			}
		}
	})
}

var iat = regexp.MustCompile(`"iat":\d+`)

// TestAPhoneWithAWrongClockAnswers: the time in its answer is recorded, never judged (security.md A-23).
func TestAPhoneWithAWrongClockAnswers(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		p := w.Phone(ana)
		for name, off := range map[string]time.Duration{"an hour behind": -time.Hour, "a day ahead": 24 * time.Hour, "in 1970": -time.Since(time.Unix(0, 0))} {
			v := ask(t, w, ana)
			a := p.Answer(v.ID, "approve", v.Code, "", p.UV)
			body := iat.ReplaceAll(a.Response, fmt.Appendf(nil, `"iat":%d`, time.Now().Add(off).Unix()))
			state, err := p.Send(v.ID, p.Sign(v.ID, body, p.UV))
			if err != nil || state != confirm.Approved {
				t.Errorf("%s: %s, %v", name, state, err)
			}
			if _, err := w.Confirms.Collect(w.Ctx, ana, v.ID); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			w.Offset.Advance(11 * time.Minute)
		}
	})
}
