package apitest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/fakepush"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/phonesim"
)

// TestA09_ARequestIsAcceptedOnceWithinAMinute: replays, the same jti for something else, old and future calls, here and at another replica.
func TestA09_ARequestIsAcceptedOnceWithinAMinute(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			url := dbtest.URL(t, dialect)
			here, there := apitest.On(t, url, nil).Serve(), apitest.On(t, url, nil).Serve()
			ana := here.Owner("acme")
			phone := ana.Pair(phonesim.Options{})
			elsewhere := phone.Via(there.Server.URL)
			var jti []byte
			if _, err := phone.Do(here.Ctx, http.MethodGet, "/v1/device", nil, phonesim.KeepJTI(&jti)); err != nil {
				t.Fatal(err)
			}
			list, push := "/v1/device/confirmations?state=pending", []byte(`{"push":{"kind":"fcm","token":"x"}}`)
			for name, do := range map[string]func() error{
				"the same call again": func() error {
					_, err := phone.Do(here.Ctx, http.MethodGet, "/v1/device", nil, phonesim.WithJTI(jti))
					return err
				},
				"the same call at another replica": func() error {
					_, err := elsewhere.Do(here.Ctx, http.MethodGet, "/v1/device", nil, phonesim.WithJTI(jti))
					return err
				},
				"its jti for another path": func() error {
					_, err := phone.Do(here.Ctx, http.MethodGet, list, nil, phonesim.WithJTI(jti))
					return err
				},
				"its jti with another body, at another replica": func() error {
					_, err := elsewhere.Do(here.Ctx, http.MethodPut, "/v1/device/push", push, phonesim.WithJTI(jti))
					return err
				},
				"an answer, word for word": func() error {
					id := ana.Ask().Text("id")
					var body []byte
					keep := func(a *phonesim.Answering) { a.EditBody = func(b []byte) []byte { body = b; return b } }
					if _, err := phone.Deny(here.Ctx, id, "", keep); err != nil {
						return err
					}
					respond, once := "/v1/device/confirmations/"+id+"/respond", []byte(nil)
					if _, err := phone.Do(here.Ctx, http.MethodPost, respond, body, phonesim.KeepJTI(&once)); err != nil {
						return err
					}
					_, err := elsewhere.Do(here.Ctx, http.MethodPost, respond, body, phonesim.WithJTI(once))
					return err
				},
			} {
				problem(t, name, do(), 401, "replayed")
			}
			for name, edit := range map[string]func(*phonesim.Request){
				"a body that was not signed":   phonesim.SendBody([]byte(`{"push":{"kind":"fcm","token":"y"}}`)),
				"a path that was not signed":   phonesim.SendTarget("/v1/device/push?x=1"),
				"a method that was not signed": phonesim.SendMethod(http.MethodDelete),
			} {
				_, err := phone.Do(here.Ctx, http.MethodPut, "/v1/device/push", push, edit)
				if name == "a method that was not signed" && err != nil && !phonesim.HasCode(err, 401, "unauthorized") {
					continue // there is no such route
				}
				problem(t, name, err, 401, "unauthorized")
			}
			w := here.World
			now, err := w.DB.Now(w.Ctx)
			if err != nil {
				t.Fatal(err)
			}
			w.Offset.Stop(now.Truncate(time.Second)) // ts has whole seconds
			still := now.Truncate(time.Second)
			for off, fits := range map[time.Duration]bool{-61 * time.Second: false, -60 * time.Second: true, 0: true, 60 * time.Second: true, 62 * time.Second: false} {
				_, err := phone.Do(here.Ctx, http.MethodGet, "/v1/device", nil, phonesim.At(still.Add(off)))
				if fits && dialect == database.SQLite && err != nil && off != 60*time.Second {
					t.Errorf("%v off: %v", off, err)
				}
				if !fits {
					problem(t, fmt.Sprint(off, " off"), err, 401, "clock_skew")
				}
			}
		})
	}
}

// TestA18_APushAddressIsNotStolen: somebody registers another person's push address. The older phone's registration ends, no push of hers goes
// to it any more, and what was pushed before told nothing about her.
func TestA18_APushAddressIsNotStolen(t *testing.T) {
	withPush(t, func(t *testing.T, p pushed) {
		const address = "one-installation"
		ana, eve := p.Owner("acme"), p.Owner("evil")
		anas := ana.Pair(phonesim.Options{Push: &phonesim.Push{Kind: "fcm", Token: address}})
		settled(t, p.World)
		before := ana.Ask().Text("id")
		settled(t, p.World)
		if n := p.about(address, map[string]bool{before: true}); n != 1 {
			t.Fatalf("%d pushes before", n)
		}
		evil := eve.Pair(phonesim.Options{})
		if err := evil.RegisterPush(p.Ctx, phonesim.Push{Kind: "fcm", Token: address}); err != nil {
			t.Fatal(err)
		}
		if me, err := anas.Me(p.Ctx); err != nil || me.Push.State == "working" || me.Push.State == "registered" {
			t.Errorf("the older phone is %+v, %v", me.Push, err)
		}
		ana.Do("POST", "/v1/confirmations/"+before+"/cancel", empty)
		after := ana.Ask().Text("id")
		settled(t, p.World)
		if n := p.about(address, map[string]bool{after: true}); n != 0 {
			t.Errorf("%d of her questions were pushed to the other phone", n)
		}
		for _, d := range p.fake.Delivered(address) {
			if found := holds(d.Raw, "Ana", "ana@", "acme", "127.0.0.1", "View", "SCIM"); found != "" {
				t.Errorf("a push says %q: %s", found, d.Raw)
			}
			var fields map[string]any
			if err := json.Unmarshal(d.Payload, &fields); err != nil {
				t.Fatal(err)
			}
			for name := range fields {
				if !strings.Contains(" t v cid ws exp ", " "+name+" ") {
					t.Errorf("a push has %s: %s", name, d.Payload)
				}
			}
		}
		if _, err := evil.Open(p.Ctx, after); !phonesim.HasCode(err, 404, "not_found") {
			t.Errorf("the other phone pulls her question: %v", err)
		}
	})
}

// TestA20_TextOfStrangersStaysText: push addresses that would be paths, headers or JSON are refused; a User-Agent and a phone's name cannot
// rearrange the screen they are shown on.
func TestA20_TextOfStrangersStaysText(t *testing.T) {
	attacked(t, func(t *testing.T, d demo) {
		hex := strings.Repeat("ab", 32)
		for _, token := range []string{"../../evil", hex + "/../../x", hex + "?x=1", hex + "\r\nx: y", strings.ToUpper(hex), "ab", hex + "\x00", strings.Repeat("ab", 101), "%2e%2e"} {
			err := d.phone.RegisterPush(d.Ctx, phonesim.Push{Kind: "apns", Token: token, Env: "production", Topic: "test.countersign.companion"})
			problem(t, fmt.Sprintf("apns %q", token), err, 400, "malformed")
		}
		for _, topic := range []string{"", "a/b", "a\r\nb", strings.Repeat("a", 200)} {
			err := d.phone.RegisterPush(d.Ctx, phonesim.Push{Kind: "apns", Token: hex, Env: "production", Topic: topic})
			problem(t, fmt.Sprintf("topic %q", topic), err, 400, "malformed")
		}
		for _, token := range []string{"", "a b", "a/b", `a","topic":"all`, "a\nb", strings.Repeat("a", 5000)} {
			problem(t, fmt.Sprintf("fcm %q", token[:min(len(token), 20)]), d.phone.RegisterPush(d.Ctx, phonesim.Push{Kind: "fcm", Token: token}), 400, "malformed")
		}
		if s, err := d.phone.PushState(d.Ctx); err != nil || s.Registered {
			t.Errorf("something was registered: %+v, %v", s, err)
		}
	})
	t.Run("agents", func(t *testing.T) {
		apitest.Each(t, func(t *testing.T, w *apitest.World) {
			ana := w.Workspace("acme")
			w.Phone(ana)
			for _, agent := range []string{"Evil\u202egnp.exe", "a\nb: c", strings.Repeat("W", 5000), "\u2066x\u2069", "", "<script>", "\xff\xfe", "Mozilla/5.0 (\u202eSwodniW) Chrome/1"} {
				by := ana
				by.Session, by.UserAgent = ident.Hash(agent), agent
				v := ask(t, w, by)
				var text string
				if err := w.DB.Read(w.Ctx).Raw("SELECT context FROM confirmations WHERE id = ?", v.ID).Scan(&text).Error; err != nil {
					t.Fatal(err)
				}
				var shown struct{ Browser, OS string }
				if err := json.Unmarshal([]byte(text), &shown); err != nil {
					t.Fatal(err)
				}
				for _, s := range []string{shown.Browser, shown.OS} {
					if strings.ContainsAny(s, "\u202e\u2066\u2069\n\r\x00\ufffd") || len([]rune(s)) > 64 {
						t.Errorf("%q is shown as %q", agent, s)
					}
				}
				if _, err := w.Confirms.Cancel(w.Ctx, by, v.ID); err != nil {
					t.Fatal(err)
				}
				w.Offset.Advance(7 * time.Minute)
			}
		})
	})
}

// TestA21_AQuestionIsNotPushedTwice: the push service takes the request and drops the connection. At most one more request is made, and the
// phone shows one notification.
func TestA21_AQuestionIsNotPushedTwice(t *testing.T) {
	withPush(t, func(t *testing.T, p pushed) {
		ana, ben := p.Owner("acme"), p.Owner("north")
		android := &phonesim.Push{Kind: "fcm", Token: "registration-of-ana"}
		iphone := &phonesim.Push{Kind: "apns", Token: p.fake.APNsToken("production"), Env: "production", Topic: p.fake.Topic}
		ana.Pair(phonesim.Options{Push: android})
		ben.Pair(phonesim.Options{Push: iphone})
		settled(t, p.World)
		had := map[string]int{}
		for _, on := range []*phonesim.Push{android, iphone} {
			had[on.Kind] = p.fake.Requests(on.Token)
			p.fake.Script(on.Token, fakepush.Step{Do: fakepush.Drop})
		}
		now, err := p.DB.Now(p.Ctx)
		if err != nil {
			t.Fatal(err)
		}
		p.Offset.Stop(now) // nothing is tried again until the clock goes on
		ids := map[string]string{android.Kind: ana.Ask().Text("id"), iphone.Kind: ben.Ask().Text("id")}
		askers := map[string]*apitest.Browser{android.Kind: ana, iphone.Kind: ben}
		var first sync.WaitGroup
		for _, on := range []*phonesim.Push{android, iphone} { // what has become of each before it is tried again
			first.Go(func() {
				id, said := ids[on.Kind], ""
				for end := time.Now().Add(eventually); said == "" && p.about(on.Token, map[string]bool{id: true}) == 0 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
					said = detail(askers[on.Kind], id)
				}
				if n := p.fake.Requests(on.Token) - had[on.Kind]; said == "" || n != 1 {
					t.Errorf("%s: after the connection was dropped there were %d requests, and the dialog says %q", on.Kind, n, said)
				}
			})
		}
		first.Wait()
		p.Offset.Stop(now.Add(5 * time.Second))
		for _, on := range []*phonesim.Push{android, iphone} {
			id := ids[on.Kind]
			delivered(t, p, on.Token, id)
			if n := p.fake.Requests(on.Token) - had[on.Kind]; n > 2 {
				t.Errorf("%s: %d requests for one question", on.Kind, n)
			}
			shown := map[string]int{}
			for _, d := range p.fake.Delivered(on.Token) {
				if strings.Contains(string(d.Payload), id) {
					shown[d.Collapse]++
				}
			}
			if len(shown) != 1 || shown[""] != 0 {
				t.Errorf("%s: the phone shows %v", on.Kind, shown)
			}
		}
	})
}

// delivered waits until a question has reached an address.
func delivered(t *testing.T, p pushed, address, id string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); p.about(address, map[string]bool{id: true}) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s never reached the phone", id)
		}
	}
}

// TestA25_APhotographedCodePairsNobodyElse: the link is good for one claim, within five minutes, by its secret; the digits of the thief's phone
// are on the owner's screen and not those of her own phone; beginning needs a fresh sign-in, and an existing phone's consent for a later one.
func TestA25_APhotographedCodePairsNobodyElse(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		start := func() (id, link string) {
			r := ana.Do("POST", "/v1/pairings", empty)
			if r.Status != http.StatusCreated {
				t.Fatalf("pairing: %d %s", r.Status, r.Body)
			}
			return r.Text("id"), r.Text("link")
		}
		fresh := func() *phonesim.Phone { return phonesim.New(s.Server.URL, phonesim.Options{}) }

		id, link := start()
		thief, own := fresh(), fresh()
		sas, err := thief.Pair(s.Ctx, link)
		if err != nil {
			t.Fatal(err)
		}
		_, err = own.Pair(s.Ctx, link)
		problem(t, "the second claim", err, 409, "already_claimed")
		if r := ana.Do("GET", "/v1/pairings/"+id, nil); r.Text("sas") != sas || r.Text("state") != "claimed" {
			t.Errorf("the screen shows %s, the thief's phone %s", r.Body, sas)
		}
		if r := ana.Do("POST", "/v1/pairings/"+id+"/match", map[string]bool{"match": false}); r.Text("state") != "refused" {
			t.Errorf("after No: %s", r.Body)
		}
		if _, err := thief.Me(s.Ctx); !phonesim.HasCode(err, 401, "unauthorized") {
			t.Errorf("the refused phone: %v", err)
		}
		refusal(t, "changing one's mind", ana.Do("POST", "/v1/pairings/"+id+"/match", map[string]bool{"match": true}), 410, "pairing_expired")

		id, link = start()
		to, _, err := phonesim.ParseLink(link)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 5 {
			wrong := to
			wrong.Secret = ident.Secret(16)
			_, err := fresh().Claim(s.Ctx, wrong)
			problem(t, fmt.Sprint("wrong secret ", n), err, 404, "not_found")
		}
		_, err = fresh().Claim(s.Ctx, to)
		problem(t, "the right secret after five wrong ones", err, 410, "pairing_expired")
		if r := ana.Do("GET", "/v1/pairings/"+id, nil); r.Text("state") != "refused" {
			t.Errorf("after five wrong secrets: %s", r.Body)
		}

		_, link = start()
		s.Offset.Advance(5*time.Minute + time.Second)
		_, err = fresh().Pair(s.Ctx, link)
		problem(t, "after five minutes", err, 410, "pairing_expired")
		refusal(t, "with an old sign-in", ana.Do("POST", "/v1/pairings", empty), 403, "reauthentication_required")
		if r := ana.Do("POST", "/v1/session/verify", map[string]string{"password": apitest.Password}); r.Status >= 300 {
			t.Fatalf("verify: %d %s", r.Status, r.Body)
		}
		first := ana.Pair(phonesim.Options{})
		refusal(t, "a second phone without the first one's consent", ana.Do("POST", "/v1/pairings", empty), 403, "confirmation_required")
		ask := ana.Do("POST", "/v1/confirmations", map[string]string{"action": "device.add"})
		if _, err := first.Approve(s.Ctx, ask.Text("id"), phonesim.ApproveOptions{Code: ask.Text("code")}); err != nil {
			t.Fatal(err)
		}
		if r := ana.Do("POST", "/v1/pairings", map[string]string{"confirmation_id": ask.Text("id")}); r.Status != http.StatusCreated {
			t.Errorf("with its consent: %d %s", r.Status, r.Body)
		}
		ws := owner(t, s.World, "acme", "ana@acme.test").Workspace
		if n := told(t, s.World, ws, "", "device.added"); n != 1 {
			t.Errorf("%d notices of a new phone", n)
		}
	})
	t.Run("a phone that is matched and has not answered is no phone", func(t *testing.T) {
		apitest.Each(t, func(t *testing.T, w *apitest.World) {
			ana := w.Workspace("acme")
			par, err := w.Devices.Begin(w.Ctx, ana, apitest.NoConfirmation)
			if err != nil {
				t.Fatal(err)
			}
			p := w.Claim(par, "")
			if _, err := w.Devices.Match(w.Ctx, ana, par.ID, true); err != nil {
				t.Fatal(err)
			}
			if _, _, err := w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.RevealToken}); !is(err, confirm.ErrNoDevice) {
				t.Errorf("asked: %v", err)
			}
			waiting, _, err := w.Confirms.Waiting(w.Ctx, p.Actor(actor.Actor{Workspace: ana.Workspace, Person: ana.Person}))
			if err != nil || len(waiting) != 1 || waiting[0].Action != confirm.ActivateDevice {
				t.Fatalf("%+v, %v", waiting, err)
			}
			if _, err := p.Send(waiting[0].CID, p.Answer(waiting[0].CID, "approve", "", "", p.Poll)); err == nil {
				t.Error("activated by the key that needs no unlock")
			}
			if _, err := p.Approve(waiting[0].CID, ""); err != nil {
				t.Error(err)
			}
		})
	})
}
