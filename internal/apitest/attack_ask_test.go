package apitest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/phonesim"
	"github.com/countersign/countersign/internal/workspace"
)

// TestA01_ABotCannotWearAPersonOut: a bot with fifty sessions at fifty addresses asks in one person's name for three hours and sends again
// whatever it may. Never more than three questions are open, never more than five begin in ten minutes or ten in an hour, and after ten pushes
// the phone stays silent; the person herself can still confirm by opening the app.
func TestA01_ABotCannotWearAPersonOut(t *testing.T) {
	withPush(t, func(t *testing.T, p pushed) {
		const address = "registration-of-ana"
		ana := p.Workspace("acme")
		phone := p.PhoneWith(ana, apitest.NoConfirmation, `{"kind":"fcm","token":"`+address+`"}`)
		settled(t, p.World)
		asked := map[string]bool{}
		var began []time.Time
		for minute := 0; minute < 180; minute += 5 {
			for n := range 50 {
				bot := ana
				bot.Session, bot.Browser, bot.IP = ident.Hash(fmt.Sprint("session", n)), ident.Hash(fmt.Sprint("browser", n)), fmt.Sprint("203.0.113.", n)
				v, created, err := p.Confirms.Ask(p.Ctx, bot, confirm.Ask{Action: confirm.RevealToken})
				if err == nil && created {
					asked[v.ID] = true
					began = append(began, v.CreatedAt)
				}
				if err != nil && !is(err, confirm.ErrLimited) {
					t.Fatal(err)
				}
				if err == nil {
					_, err = p.Confirms.Resend(p.Ctx, bot, v.ID)
				}
				if err != nil && !is(err, confirm.ErrLimited, confirm.ErrAlreadyAnswered, confirm.ErrExpired) {
					t.Fatal(err)
				}
			}
			waiting, _, err := p.Confirms.Waiting(p.Ctx, phone.Actor(ana))
			if err != nil || len(waiting) > 3 {
				t.Fatalf("%d questions are open at once, %v", len(waiting), err)
			}
			settled(t, p.World) // what is to be pushed is pushed before its question is over
			p.Offset.Advance(5 * time.Minute)
		}
		for n, at := range began {
			if n >= 5 && at.Sub(began[n-5]) < 10*time.Minute {
				t.Errorf("six questions within %v", at.Sub(began[n-5]))
			}
			if n >= 10 && at.Sub(began[n-10]) < time.Hour {
				t.Errorf("eleven questions within %v", at.Sub(began[n-10]))
			}
		}
		settled(t, p.World)
		if n := p.about(address, asked); n != 10 || len(asked) < 20 {
			t.Errorf("%d pushes for %d questions, want 10 for more than 20", n, len(asked))
		}
		p.Offset.Advance(time.Hour)
		v, _, err := p.Confirms.Ask(p.Ctx, ana, confirm.Ask{Action: confirm.RevealToken})
		if err != nil {
			t.Fatal(err)
		}
		waiting, _, err := p.Confirms.Waiting(p.Ctx, phone.Actor(ana)) // she opens the app
		if err != nil || len(waiting) != 1 || waiting[0].CID != v.ID || v.Devices[0].Detail != "push_budget" {
			t.Fatalf("the app shows %+v, the dialog %+v, %v", waiting, v.Devices, err)
		}
		if _, err := phone.Approve(v.ID, v.Code); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Confirms.Collect(p.Ctx, ana, v.ID); err != nil {
			t.Error(err)
		}
		settled(t, p.World)
		if n := p.about(address, map[string]bool{v.ID: true}); n != 0 {
			t.Errorf("%d pushes beyond the budget", n)
		}
	})
}

// TestA02_ARelayedRequestShowsWhereItIsFrom: somebody signed in elsewhere asks and reads the code to the victim. A push cannot prevent that;
// what the phone shows comes from the server alone and names the strange browser and network, one tap is not enough, and the page has no say.
func TestA02_ARelayedRequestShowsWhereItIsFrom(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		w.Phone(ana)
		thief := ana
		thief.Session, thief.Browser, thief.IP = ident.Hash("elsewhere"), ident.Hash("another browser"), "198.51.100.77"
		thief.UserAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
		v := ask(t, w, thief)
		if v.Mode != confirm.Code {
			t.Errorf("a strange browser needs %s, want the code", v.Mode)
		}
		var shown string
		if err := w.DB.Read(w.Ctx).Raw("SELECT context FROM confirmations WHERE id = ?", v.ID).Scan(&shown).Error; err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{`"ip":"198.51.100.77"`, `"browser":"Firefox"`, `"os":"Linux"`, `"new":["browser","network"]`, `"action":"View the SCIM API authentication token"`} {
			if !strings.Contains(shown, part) {
				t.Errorf("the phone shows %s, without %s", shown, part)
			}
		}
	})
	t.Run("the policy of one network", func(t *testing.T) {
		apitest.Each(t, func(t *testing.T, w *apitest.World) {
			ana := w.Workspace("acme")
			phone := w.Phone(ana)
			w.Rules(ana, func(r *workspace.Rules) { r.SameNetwork = true })
			v := ask(t, w, ana)
			req, err := phone.Signed()
			if err != nil {
				t.Fatal(err)
			}
			req.Actor.IP = "198.51.100.9" // the victim's phone is elsewhere
			if _, err := w.Confirms.Answer(w.Ctx, req, v.ID, phone.Answer(v.ID, "approve", v.Code, "", phone.UV)); err == nil {
				t.Error("approved from another network")
			}
			if r := rowOf(t, w, v.ID); r.State != "denied" || r.Reason != "network_mismatch" || told(t, w, ana.Workspace, v.ID, "confirmation.denied") != 1 {
				t.Errorf("it is %+v", r)
			}
		})
	})
	attacked(t, func(t *testing.T, d demo) {
		for _, said := range []map[string]any{
			{"action": "device.add", "ctx": map[string]string{"ip": "192.0.2.1"}},
			{"action": "device.add", "says": "Sign in to the newsletter"},
			{"action": "device.add", "person": "ppl_other"},
		} {
			refusal(t, fmt.Sprint(said), d.ana.Do("POST", "/v1/confirmations", said), http.StatusBadRequest, "unknown_field")
		}
		id := d.ana.Do("POST", "/v1/confirmations", map[string]any{"action": "device.add"}).Text("id")
		c, err := d.phone.Open(d.Ctx, id)
		if err != nil || c.Ctx.Action != "Pair another phone" || c.Ctx.IP != "127.0.0.1" {
			t.Errorf("the phone shows %+v, %v", c.Ctx, err)
		}
	})
}

// TestA13_AnotherWorkspaceHasNothingHere: an admin of one workspace with the ids of another, when asking and when collecting.
func TestA13_AnotherWorkspaceHasNothingHere(t *testing.T) {
	attacked(t, func(t *testing.T, d demo) {
		eve := d.Owner("evil")
		evesPhone := eve.Pair(phonesim.Options{})
		asked := d.ana.Ask()
		id, resource := asked.Text("id"), asked.Text("resource")
		for _, action := range []string{"scim.token.reveal", "scim.token.regenerate"} {
			for _, named := range []string{resource, "scim_token:tok_unknown"} {
				r := eve.Do("POST", "/v1/confirmations", map[string]string{"action": action, "resource": named})
				refusal(t, action+" of "+named, r, 404, "not_found")
			}
		}
		r := eve.Do("POST", "/v1/confirmations", map[string]string{"action": "device.remove", "resource": "device:" + d.phone.Identity().Device})
		refusal(t, "removing another workspace's phone", r, 404, "not_found")
		if _, err := d.phone.Approve(d.Ctx, id, phonesim.ApproveOptions{}); err != nil {
			t.Fatal(err)
		}
		before := rowOf(t, d.World, id)
		refusal(t, "collecting", eve.Do("POST", "/v1/confirmations/"+id+"/reveal", empty), 404, "not_found")
		unchanged(t, d.World, id, before, "collecting from another workspace")

		// Her own approval, even with the other workspace's row under it, opens nothing there.
		own := eve.Ask()
		if _, err := evesPhone.Approve(d.Ctx, own.Text("id"), phonesim.ApproveOptions{}); err != nil {
			t.Fatal(err)
		}
		mine, hers := d.confirmation(id, "reveal"), eve.Do("POST", "/v1/confirmations/"+own.Text("id")+"/reveal", empty)
		if mine.Text("token") == "" || hers.Text("token") == "" || mine.Text("token") == hers.Text("token") {
			t.Errorf("each workspace has its own token: %d, %d", mine.Status, hers.Status)
		}
	})
}
