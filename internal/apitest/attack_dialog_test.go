package apitest_test

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/phonesim"
)

// TestA03_AnApprovalBelongsToTheSessionThatAsked: another session of the same person, the same browser after signing in again, and a browser
// with a planted session value collect nothing; the approval runs out.
func TestA03_AnApprovalBelongsToTheSessionThatAsked(t *testing.T) {
	attacked(t, func(t *testing.T, d demo) {
		id := d.approved(t)
		second := d.Browser()
		second.SignIn("acme", "ana@acme.test")
		for _, what := range []string{"reveal", "cancel", "resend"} {
			refusal(t, what+" by another session", second.Do("POST", "/v1/confirmations/"+id+"/"+what, empty), 404, "not_found")
		}
		refusal(t, "a look by another session", second.Do("GET", "/v1/confirmations/"+id, nil), 404, "not_found")
		if _, res, err := second.Dial(id, nil); err == nil || res.StatusCode != http.StatusNotFound {
			t.Errorf("a websocket by another session: %v", err)
		}
		if s := rowOf(t, d.World, id).State; s != "approved" {
			t.Errorf("the row is %s", s)
		}
		d.Offset.Advance(61 * time.Second)
		refusal(t, "too late", d.confirmation(id, "reveal"), 410, "collect_expired")
		if r := rowOf(t, d.World, id); r.State != "expired" || r.Reason != "not_collected" {
			t.Errorf("the row is %+v", r)
		}

		id = d.approved(t)
		d.ana.SignIn("acme", "ana@acme.test")
		refusal(t, "after signing in again", d.confirmation(id, "reveal"), 404, "not_found")
		if s := rowOf(t, d.World, id).State; s != "cancelled" {
			t.Errorf("after signing in again the row is %s", s)
		}
	})
	t.Run("a planted session", func(t *testing.T) {
		apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
			s.Owner("acme")
			planted := "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
			body := fmt.Sprintf(`{"workspace":"acme","email":"ana@acme.test","password":%q}`, apitest.Password)
			req, err := http.NewRequestWithContext(s.Ctx, http.MethodPost, s.Server.URL+"/v1/session", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Cookie", "countersign="+planted)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			fresh := ""
			for _, c := range res.Cookies() {
				if c.Name == "countersign" {
					fresh = c.Value
				}
			}
			if res.StatusCode != http.StatusOK || fresh == "" || fresh == planted {
				t.Fatalf("%d, the session's value is %q", res.StatusCode, fresh)
			}
			again, err := http.NewRequestWithContext(s.Ctx, http.MethodGet, s.Server.URL+"/v1/session", nil)
			if err != nil {
				t.Fatal(err)
			}
			again.Header.Set("Cookie", "countersign="+planted)
			res, err = http.DefaultClient.Do(again)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != http.StatusUnauthorized {
				t.Errorf("the planted value opens a session: %d", res.StatusCode)
			}
		})
	})
}

// TestA23_WrongClocksDecideNothing: a phone an hour off answers after it corrected itself by the server's time; a replica whose own clock is five
// minutes ahead judges by the database's.
func TestA23_WrongClocksDecideNothing(t *testing.T) {
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(fmt.Sprint("a phone off by ", off), func(t *testing.T) {
			apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
				ana := s.Owner("acme")
				phone := ana.Pair(phonesim.Options{ClockOffset: off})
				id := ana.Ask().Text("id")
				late := func(a *phonesim.Answering) { // the signed time is recorded, not judged
					a.Response = regexp.MustCompile(`"iat":\d+`).ReplaceAll(a.Response, fmt.Appendf(nil, `"iat":%d`, time.Now().Add(off).Unix()))
				}
				if state, err := phone.Approve(s.Ctx, id, phonesim.ApproveOptions{}, late); err != nil || state != "approved" {
					t.Errorf("%s, %v", state, err)
				}
			})
		})
	}
	t.Run("a replica five minutes ahead", func(t *testing.T) {
		url := dbtest.URL(t, database.Postgres)
		keyset := apitest.Vault(t)
		right := apitest.With(t, url, func(d *assembly.Deps) { d.Vault = keyset })
		ahead := apitest.With(t, url, func(d *assembly.Deps) {
			d.Vault, d.Now = keyset, func() time.Time { return time.Now().Add(5 * time.Minute) }
		})
		ana := right.Workspace("acme")
		phone := right.Phone(ana)
		v, _, err := ahead.Confirms.Ask(ahead.Ctx, ana, confirm.Ask{Action: confirm.RevealToken})
		if err != nil {
			t.Fatal(err)
		}
		if left := time.Until(v.ExpiresAt); left > 5*time.Minute+time.Second || left < 4*time.Minute {
			t.Errorf("the question asked there lasts %v", left)
		}
		if state, err := guess(ahead, phone, v, v.Code); err != nil || state != confirm.Approved {
			t.Errorf("answered there: %s, %v", state, err)
		}
		if _, err := ahead.Confirms.Collect(ahead.Ctx, ana, v.ID); err != nil {
			t.Errorf("collected there: %v", err)
		}
	})
}

// TestA24_HintsMayBeLostDoubledOrReordered: the dialog of one replica reaches the right end within 2.5 seconds when the answer comes through
// another one and no hint arrives, and when the hints that arrive are old, doubled and about something else.
func TestA24_HintsMayBeLostDoubledOrReordered(t *testing.T) {
	url := dbtest.URL(t, database.Postgres)
	keyset := apitest.Vault(t)
	shared := func(d *assembly.Deps) { d.Vault = keyset } // no address to listen at: every hint of the other replica is lost
	here, there := apitest.With(t, url, shared).Serve(), apitest.With(t, url, shared).Serve()
	ana := here.Owner("acme")
	phone := ana.Pair(phonesim.Options{})
	answer := phone.Via(there.Server.URL)
	for name, hints := range map[string]func(topic string){
		"lost": func(string) {},
		"old, doubled and foreign": func(topic string) {
			for _, version := range []int64{9, 0, 1, 1, -5} {
				here.Hub.Publish(topic, version)
				here.Hub.Publish("confirmation:cnf_unknown", version)
			}
		},
	} {
		for _, decision := range []string{"approved", "denied"} {
			t.Run(name+", "+decision, func(t *testing.T) {
				asked := ana.Ask()
				id := asked.Text("id")
				dialog := dial(t, ana, id)
				until(t, dialog, "pending")
				if _, err := answer.Open(here.Ctx, id); err != nil {
					t.Fatal(err)
				}
				hints(confirm.Topic(id))
				heard := make(chan int64, 1000)
				defer here.Hub.Call(confirm.Topic(id), func(version int64) { heard <- version }).Close()
				decide := func() (string, error) {
					if decision == "denied" {
						return answer.Deny(here.Ctx, id, "")
					}
					return answer.Approve(here.Ctx, id, phonesim.ApproveOptions{Code: asked.Text("code")})
				}
				if state, err := decide(); err != nil || state != decision {
					t.Fatalf("%s, %v", state, err)
				}
				hints(confirm.Topic(id))
				t.Logf("the dialog heard of it after %v", until(t, dialog, decision).Round(time.Millisecond)) // 2.5 s on a machine that has nothing else to do
				announced(t, heard, ana.Do("GET", "/v1/confirmations/"+id, nil))
				if decision == "approved" {
					if r := ana.Do("POST", "/v1/confirmations/"+id+"/reveal", empty); r.Status != http.StatusOK {
						t.Errorf("reveal: %d %s", r.Status, r.Body)
					}
				}
			})
			here.Offset.Advance(11 * time.Minute)
			there.Offset.Advance(11 * time.Minute)
		}
	}
}

// announced waits until somebody who looked at the row has said which version it has: a dialog finds out with its heartbeat, too, but 15 s late.
func announced(t *testing.T, heard <-chan int64, now apitest.Reply) {
	t.Helper()
	version, ok := now.JSON["version"].(float64)
	for wait := time.After(eventually); ok; {
		select {
		case v := <-heard:
			if v >= int64(version) {
				return
			}
		case <-wait:
			t.Errorf("nobody looked at the row: no hint of version %v", version)
			return
		}
	}
	t.Errorf("no version: %s", now.Body)
}

// TestA26_NothingSaysWhatItNeedNot: a denial reads the same whether it was reported or not, byte for byte; what is foreign reads like what never
// existed, on every path.
func TestA26_NothingSaysWhatItNeedNot(t *testing.T) {
	times := regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z|cnf_[A-Za-z0-9]+|"version":\d+`)
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		bodies := map[string]string{}
		for i, reason := range []string{"", "mistake", "not_me"} {
			ana := s.Owner(fmt.Sprint("acme", i))
			phone := ana.Pair(phonesim.Options{})
			me := phone.Identity()
			id := ana.Ask().Text("id")
			dialog := dial(t, ana, id)
			before := ana.Do("GET", "/v1/confirmations/"+id, nil)
			if _, err := phone.Deny(s.Ctx, id, reason); err != nil {
				t.Fatal(err)
			}
			until(t, dialog, "denied")
			r := ana.Do("GET", "/v1/confirmations/"+id, nil)
			if before.Text("state") != "pending" || r.Text("state") != "denied" {
				continue // the person's session may have been ended by the report: then it reads nothing at all
			}
			body := strings.NewReplacer(me.Device, "dev", strings.TrimPrefix(r.Text("resource"), "scim_token:"), "tok").Replace(string(r.Body))
			bodies[times.ReplaceAllString(body, "x")] += " " + reason
		}
		if len(bodies) != 1 {
			t.Errorf("denials read differently: %v", bodies)
		}
	})
	attacked(t, func(t *testing.T, d demo) {
		eve := d.Owner("evil")
		evesPhone := eve.Pair(phonesim.Options{})
		id := d.ana.Ask().Text("id")
		pairing := d.phone.Identity().Pairing
		for _, call := range [][2]string{{"GET", ""}, {"POST", "/cancel"}, {"POST", "/resend"}, {"POST", "/reveal"}} {
			var body any
			if call[0] == "POST" {
				body = empty
			}
			same(t, call[0]+" "+call[1], eve.Do(call[0], "/v1/confirmations/"+id+call[1], body), eve.Do(call[0], "/v1/confirmations/cnf_unknown"+call[1], body))
		}
		same(t, "a pairing", eve.Do("GET", "/v1/pairings/"+pairing, nil), eve.Do("GET", "/v1/pairings/par_unknown", nil))
		for _, path := range []string{"", "/opened", "/respond"} {
			method, body := "POST", []byte(`{}`)
			if path == "" {
				method, body = "GET", nil
			}
			if path == "/respond" {
				body = []byte(`{"response":"e30","sig":"AA"}`)
			}
			_, foreign := evesPhone.Do(d.Ctx, method, "/v1/device/confirmations/"+id+path, body)
			_, unknown := evesPhone.Do(d.Ctx, method, "/v1/device/confirmations/cnf_unknown"+path, body)
			if fmt.Sprint(foreign) != fmt.Sprint(unknown) {
				t.Errorf("%s: foreign %v, unknown %v", path, foreign, unknown)
			}
		}
	})
}

func same(t *testing.T, what string, a, b apitest.Reply) {
	t.Helper()
	if a.Status != http.StatusNotFound || a.Status != b.Status || !bytes.Equal(a.Body, b.Body) || len(a.Header) != len(b.Header) {
		t.Errorf("%s: foreign %d %s, unknown %d %s", what, a.Status, a.Body, b.Status, b.Body)
	}
}
