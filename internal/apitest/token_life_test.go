package apitest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/phonesim"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/scimapi"
	"github.com/countersign/countersign/internal/workspace"
)

// idp is an identity provider that calls one process of a service.
type idp struct {
	t   *testing.T
	url string
}

// provider opens the SCIM door of a world as the program does; proxies are whose X-Forwarded-For is believed.
func provider(t *testing.T, w *apitest.World, proxies ...string) idp {
	t.Helper()
	e := gin.New()
	if err := e.SetTrustedProxies(proxies); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	url := srv.URL + "/v1/scim/v2"
	scimapi.New(scimapi.Deps{Directory: directory.NewProvisioning(w.Directory, url, []byte("a key of the test"), time.Now), Base: url, Now: time.Now, Log: w.SyncLog,
		Authenticate: w.Workspaces.Authenticate, Claims: w.Workspaces.Claims, Used: w.Workspaces.Used, Recognise: w.Workspaces.Recognise}).Mount(e.Group("/v1/scim/v2"))
	return idp{t, url}
}

// calls looks for somebody, as a provider does all day, and says what it was answered.
func (p idp) calls(token, forwarded string) (status int, detail string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/Users?filter=userName+eq+%22x%22", http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("User-Agent", "Microsoft Azure AD/1")
	if forwarded != "" {
		req.Header.Set("X-Forwarded-For", forwarded)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	var body struct {
		Schemas []string `json:"schemas"`
		Detail  string   `json:"detail"`
	}
	if err := json.Unmarshal(raw, &body); err != nil || len(body.Schemas) != 1 || res.Header.Get("Content-Type") != "application/scim+json" {
		p.t.Errorf("not SCIM: %s", raw)
	}
	return res.StatusCode, body.Detail
}

// lifeOf is a workspace's Owner at a console, with a phone, and providers at two processes.
type lifeOf struct {
	*apitest.Site
	t          *testing.T
	ana        *apitest.Browser
	phone      *phonesim.Phone
	here, afar idp
}

func life(t *testing.T, s *apitest.Site) *lifeOf {
	t.Helper()
	l := &lifeOf{Site: s, t: t, ana: s.Owner("acme")}
	l.phone = l.ana.Pair(phonesim.Options{})
	l.here, l.afar = provider(t, s.World), provider(t, s.Replica(nil))
	return l
}

// asks has an action confirmed on the phone, always with the code, and gives the confirmation's id. Time passes, so that no limit is met.
func (l *lifeOf) asks(action, resource string, params any) string {
	l.t.Helper()
	l.Offset.Advance(16 * time.Minute)
	body := map[string]any{"action": action}
	if resource != "" {
		body["resource"] = resource
	}
	if params != nil {
		body["params"] = params
	}
	r := l.ana.Do("POST", "/v1/confirmations", body)
	if r.Status != http.StatusCreated || action != confirm.RevealToken && r.Text("mode") != "code" {
		l.t.Fatalf("%s: %d %s", action, r.Status, r.Body)
	}
	id := r.Text("id")
	if state, err := l.phone.Approve(l.Ctx, id, phonesim.ApproveOptions{Code: r.Text("code")}); err != nil || state != "approved" {
		l.t.Fatalf("%s: %s, %v", action, state, err)
	}
	return id
}

// renews regenerates and gives the new token.
func (l *lifeOf) renews(params map[string]any) (token string, r apitest.Reply) {
	l.t.Helper()
	r = l.ana.Do("POST", "/v1/confirmations/"+l.asks(confirm.RegenerateToken, "", params)+"/reveal", map[string]string{})
	if r.Status != http.StatusOK {
		l.t.Fatalf("%d %s", r.Status, r.Body)
	}
	return r.Text("token"), r
}

// state reads the Directory Sync section, and from it the object named, {} where there is none.
func (l *lifeOf) state(of string) map[string]any {
	l.t.Helper()
	r := l.ana.Do("GET", "/v1/directory", nil)
	if r.Status != http.StatusOK {
		l.t.Fatalf("%d %s", r.Status, r.Body)
	}
	out, _ := r.JSON[of].(map[string]any)
	return out
}

// everywhere demands the same status of every process.
func (l *lifeOf) everywhere(what, token string, want int) (detail string) {
	l.t.Helper()
	for where, p := range map[string]idp{"here": l.here, "afar": l.afar} {
		status, said := p.calls(token, "")
		if status != want {
			l.t.Errorf("%s: %s %d %s, want %d", what, where, status, said, want)
		}
		detail = said
	}
	return detail
}

func (l *lifeOf) does(method, path, confirmation string, more map[string]any, want int, code string) {
	l.t.Helper()
	body := map[string]any{"confirmation_id": confirmation}
	for name, value := range more {
		body[name] = value
	}
	if r := l.ana.Do(method, path, body); r.Status != want || r.Code() != code {
		l.t.Errorf("%s %s: %d %s, want %d %s", method, path, r.Status, r.Body, want, code)
	}
}

// TestTheLifeOfATokenThroughTheDoors is J7 without a browser, with two processes that both have every token in memory.
func TestTheLifeOfATokenThroughTheDoors(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		l := life(t, s)
		first, _ := l.renews(map[string]any{"exposed": true, "reason": "Security"})
		l.everywhere("the first", first, 200)

		second, r := l.renews(map[string]any{"reason": "Token expiration compliance", "note": "yearly", "overlap_seconds": 86400})
		previous, _ := r.JSON["previous"].(map[string]any)
		if previous["hint"] != first[len(first)-4:] || previous["valid_until"] == nil {
			t.Errorf("previous: %s", r.Body)
		}
		o := l.state("overlap")
		oldID, newID := o["old_id"].(string), o["new_id"].(string)
		if o["advice"] != "in_use" || o["cancellable"] != true || o["client"] != "Entra ID" {
			t.Errorf("before the first use: %v", o)
		}
		l.cancels(first, second, newID)
		third, _ := l.renews(map[string]any{"overlap_seconds": 3600})
		l.everywhere("both of an overlap", first, 200)
		l.everywhere("both of an overlap", third, 200)
		o = l.state("overlap")
		if newID = o["new_id"].(string); o["old_id"] != oldID || o["cancellable"] != false {
			t.Errorf("after the first use: %v", o)
		}
		if r := l.ana.Do("POST", "/v1/confirmations", map[string]any{"action": confirm.CancelRegeneration, "resource": "scim_token:" + newID}); r.Status != 409 || r.Code() != "token_in_use" {
			t.Errorf("cancelling what is used: %d %s", r.Status, r.Body)
		}
		l.extends(oldID)
		l.ends(first, third, oldID)
		l.observes(newID, third)
		l.receipts(newID)
		l.expires(newID, third)
	})
}

func (l *lifeOf) cancels(first, second, newID string) {
	l.t.Helper()
	path := "/v1/tokens/" + newID + "/cancel-regeneration"
	l.does("POST", path, "", nil, 403, "confirmation_required")
	other := l.asks(confirm.TokenExpiry, "scim_token:"+newID, map[string]any{"days": 90})
	l.does("POST", path, other, nil, 403, "confirmation_required") // of another action
	l.does("PUT", "/v1/tokens/"+newID+"/expiry", other, map[string]any{"days": 730}, 403, "confirmation_required")
	l.does("POST", path, l.asks(confirm.CancelRegeneration, "scim_token:"+newID, nil), nil, 204, "")
	l.everywhere("the old one after the cancellation", first, 200)
	if said := l.everywhere("the new one after the cancellation", second, 401); !strings.Contains(said, "was revoked on ") {
		l.t.Errorf("said: %s", said)
	}
	if o := l.state("overlap"); o != nil {
		l.t.Errorf("still an overlap: %v", o)
	}
}

func (l *lifeOf) extends(oldID string) {
	l.t.Helper()
	none := map[string]any{"action": confirm.ExtendOverlap, "resource": "scim_token:" + oldID, "params": map[string]any{"overlap_seconds": 1}}
	if r := l.ana.Do("POST", "/v1/confirmations", none); r.Status != http.StatusBadRequest || r.Text("code") != "bad_overlap" { // no phone is asked for nothing
		l.t.Errorf("extended to less than it has: %d %s", r.Status, r.Body)
	}
	id := l.asks(confirm.ExtendOverlap, "scim_token:"+oldID, map[string]any{"overlap_seconds": 7 * 86400})
	l.does("POST", "/v1/tokens/"+oldID+"/extend-overlap", id, map[string]any{"overlap_seconds": 3600}, 403, "confirmation_required")
	l.does("POST", "/v1/tokens/"+oldID+"/extend-overlap", id, map[string]any{"overlap_seconds": 7 * 86400}, 204, "")
	until, err := time.Parse(time.RFC3339, l.state("overlap")["valid_until"].(string))
	if now, _ := time.Parse(time.RFC3339, l.state("overlap")["server_time"].(string)); err != nil || until.Sub(now) < 6*24*time.Hour {
		l.t.Errorf("extended to %v, %v", until, err)
	}
}

func (l *lifeOf) ends(first, third, oldID string) {
	l.t.Helper()
	l.does("POST", "/v1/tokens/"+oldID+"/end-overlap", l.asks(confirm.EndOverlap, "scim_token:"+oldID, nil), nil, 204, "")
	if said := l.everywhere("the old one after the end", first, 401); !strings.Contains(said, "was replaced by another one") {
		l.t.Errorf("said: %s", said)
	}
	if refused := l.state("refused"); refused["hint"] != first[len(first)-4:] || refused["state"] != "replaced" || refused["client"] != "Entra ID" {
		l.t.Errorf("refused: %v", refused)
	}
	l.everywhere("the new one after the end", third, 200)
	log := l.ana.Do("GET", "/v1/provisioning/log?result=rejected&limit=1", nil)
	if want := "Entra ID sent the token (…" + first[len(first)-4:] + ") that was replaced on "; !strings.Contains(string(log.Body), want) {
		l.t.Errorf("not in the log: %s: %s", want, log.Body)
	}
	if r := l.ana.Do("POST", "/v1/confirmations", map[string]any{"action": confirm.EndOverlap, "resource": "scim_token:" + oldID}); r.Status != 409 {
		l.t.Errorf("ending what has ended: %d %s", r.Status, r.Body)
	}
}

// observes: a list that observes lets in and says so; one that is enforced refuses, at every process at once, whatever a caller says of itself.
func (l *lifeOf) observes(id, token string) {
	l.t.Helper()
	proxied := provider(l.t, l.World, "127.0.0.1")
	set := func(mode string, list ...string) {
		l.t.Helper()
		params := map[string]any{"mode": mode, "addresses": list}
		l.does("PUT", "/v1/tokens/"+id+"/addresses", l.asks(confirm.TokenAddresses, "scim_token:"+id, params), params, 204, "")
	}
	set("observe", "203.0.113.0/24")
	l.everywhere("observed from outside", token, 200)
	log := l.ana.Do("GET", "/v1/provisioning/log?limit=5", nil)
	if !strings.Contains(string(log.Body), "which is not on the token's address list. The list only observes") {
		l.t.Errorf("nothing in the log: %s", log.Body)
	}
	set("enforce", "203.0.113.0/24")
	if said := l.everywhere("enforced from outside", token, 403); !strings.Contains(said, "may not be used from this address") || !strings.Contains(said, "DS-1006") {
		l.t.Errorf("said: %s", said)
	}
	for _, tc := range []struct {
		name, forwarded string
		at              idp
		want            int
	}{
		{"an address that the caller claims", "203.0.113.9", l.here, 403},
		{"a listed address behind the proxy", "203.0.113.9", proxied, 200},
		{"another address behind the proxy", "198.51.100.1", proxied, 403},
		{"a listed address before the one that the proxy saw", "203.0.113.9, 198.51.100.1", proxied, 403},
		{"no address", "nonsense", proxied, 403},
	} {
		if status, said := tc.at.calls(token, tc.forwarded); status != tc.want {
			l.t.Errorf("%s: %d %s, want %d", tc.name, status, said, tc.want)
		}
	}
	if refused := l.state("refused"); refused["address"] != true || refused["state"] != "active" {
		l.t.Errorf("refused: %v", refused)
	}
	set("off")
	l.everywhere("without a list", token, 200)
}

func (l *lifeOf) receipts(id string) {
	l.t.Helper()
	confirmation := l.asks(confirm.RevealToken, "", nil)
	for _, call := range []struct{ path, event string }{{"/reveal", ""}, {"/events", "shown"}, {"/events", "copied"}, {"/events", "copied"}} {
		body := map[string]string{}
		if call.event != "" {
			body["event"] = call.event
		}
		if r := l.ana.Do("POST", "/v1/confirmations/"+confirmation+call.path, body); r.Status/100 != 2 {
			l.t.Fatalf("%s: %d %s", call.path, r.Status, r.Body)
		}
	}
	r := l.ana.Do("GET", "/v1/tokens/"+id, nil)
	var got struct {
		Views []struct {
			Kind, Person, Device string
			Copied               int
		}
		Use struct {
			Good int64
			Days []struct{ Calls int64 }
		}
		Seen []struct {
			IP        string
			RefusedAt *time.Time `json:"refused_at"`
		}
	}
	if err := json.Unmarshal(r.Body, &got); err != nil {
		l.t.Fatal(err)
	}
	if len(got.Views) != 2 || got.Views[0].Kind != "viewed" || got.Views[0].Copied != 2 || got.Views[0].Person != "Ana Kovač" || got.Views[0].Device != "iPhone of Ana" ||
		got.Views[1].Kind != "regenerated" || got.Use.Good == 0 || len(got.Use.Days) == 0 || len(got.Seen) < 2 {
		l.t.Errorf("%s", r.Body)
	}
}

func (l *lifeOf) expires(id, token string) {
	l.t.Helper()
	l.does("PUT", "/v1/tokens/"+id+"/expiry", l.asks(confirm.TokenExpiry, "scim_token:"+id, map[string]any{"days": 90}), map[string]any{"days": 90}, 204, "")
	l.everywhere("before its end", token, 200)
	l.Offset.Advance(90*24*time.Hour + time.Minute)
	if said := l.everywhere("after its end", token, 401); !strings.Contains(said, "expired on ") {
		l.t.Errorf("said: %s", said)
	}
	for range 2 {
		if err := l.Workspaces.Warn(l.Ctx); err != nil {
			l.t.Fatal(err)
		}
	}
	l.ana.SignIn("acme", "ana@acme.test")
	told := l.ana.Do("GET", "/v1/notices", nil)
	if n := strings.Count(string(told.Body), `"token.expired"`); n != 1 {
		l.t.Errorf("told of the expiry %d times: %s", n, told.Body)
	}
	if r := l.ana.Do("POST", "/v1/confirmations", map[string]any{"action": confirm.RevealToken}); r.Status != 409 || r.Code() != "no_token" {
		l.t.Errorf("viewing what has expired: %d %s", r.Status, r.Body)
	}
	again, _ := l.renews(map[string]any{"reason": "Token expiration compliance", "expires_days": 365})
	l.everywhere("after a regeneration", again, 200)
}

// people of a workspace with their phones, below the doors.
type admins struct {
	*apitest.World
	ana, cleo   actor.Actor
	anas, cleos *apitest.Phone
	t           *testing.T
}

func withAdmins(t *testing.T, do func(t *testing.T, w *admins)) {
	t.Helper()
	apitest.Each(t, func(t *testing.T, world *apitest.World) {
		w := &admins{World: world, t: t}
		w.ana = w.Workspace("acme")
		w.cleo = w.Colleague(w.ana, "cleo", directory.SuperAdmin)
		w.anas, w.cleos = w.Phone(w.ana), w.Phone(w.cleo)
		do(t, w)
	})
}

// approved has somebody's question answered.
func (w *admins) approved(by actor.Actor, p *apitest.Phone, a confirm.Ask) string {
	w.t.Helper()
	w.Offset.Advance(16 * time.Minute)
	v, _, err := w.Confirms.Ask(w.Ctx, by, a)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.says(p, v)
}

func (w *admins) says(p *apitest.Phone, v confirm.View) string {
	w.t.Helper()
	if state, err := p.Approve(v.ID, v.Code); err != nil || state != confirm.Approved {
		w.t.Fatalf("%s, %v", state, err)
	}
	return v.ID
}

func (w *admins) live() (n int, active workspace.Token) {
	w.t.Helper()
	db := w.DB.Read(w.Ctx)
	all, err := workspace.Tokens(db, w.ana.Workspace)
	if err != nil {
		w.t.Fatal(err)
	}
	now, err := w.DB.Now(w.Ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, t := range all {
		if t.Live(now) {
			n++
		}
		if t.State == workspace.Active {
			active = t
		}
	}
	return n, active
}

// TestOfTwoRegenerationsAtOnceOneIsDone: the second one would end, unseen, the token that the identity provider has.
func TestOfTwoRegenerationsAtOnceOneIsDone(t *testing.T) {
	withAdmins(t, func(t *testing.T, w *admins) {
		for range 3 {
			w.Offset.Advance(16 * time.Minute)
			a := confirm.Ask{Action: confirm.RegenerateToken, Params: []byte(`{"overlap_seconds":3600}`)}
			var ids [2]string
			for i, who := range []struct {
				by    actor.Actor
				phone *apitest.Phone
			}{{w.ana, w.anas}, {w.cleo, w.cleos}} {
				v, _, err := w.Confirms.Ask(w.Ctx, who.by, a)
				if err != nil {
					t.Fatal(err)
				}
				ids[i] = w.says(who.phone, v)
			}
			before, old := w.live()
			var wg sync.WaitGroup
			var errs [2]error
			for i, by := range []actor.Actor{w.ana, w.cleo} {
				wg.Go(func() { _, errs[i] = w.Confirms.Collect(w.Ctx, by, ids[i]) })
			}
			wg.Wait()
			if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs[:]...), confirm.ErrReplaced) {
				t.Fatalf("%v, %v", errs[0], errs[1])
			}
			if n, now := w.live(); n != 2 || before > 2 || now.Replaces != old.ID {
				t.Errorf("%d live, the new one replaces %s, not %s", n, now.Replaces, old.ID)
			}
			w.Offset.Advance(2 * time.Hour)
		}
	})
}

func TestWhatHappensToATokenWhileItsViewIsConfirmed(t *testing.T) {
	withAdmins(t, func(t *testing.T, w *admins) {
		reveal := confirm.Ask{Action: confirm.RevealToken}
		_, tok := w.live()
		in := func(do func(tx database.Tx) error) {
			t.Helper()
			w.InTx(do)
		}
		for _, tc := range []struct {
			name   string
			change func(tx database.Tx) error
			want   error
		}{
			{"replaced, and living on", func(tx database.Tx) error {
				_, _, _, err := w.Workspaces.Regenerate(tx, w.cleo, w.ana.Workspace, "", time.Hour)
				return err
			}, nil}, // it is what was asked for, and it works still
			{"revoked", func(tx database.Tx) error { return w.Workspaces.Revoke(tx, w.cleo, w.ana.Workspace, tok.ID, "") }, workspace.ErrNoToken},
		} {
			id := w.approved(w.ana, w.anas, reveal)
			_, tok = w.live()
			in(tc.change)
			if _, err := w.Confirms.Collect(w.Ctx, w.ana, id); !errors.Is(err, tc.want) {
				t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
			}
		}
		if _, _, err := w.Confirms.Ask(w.Ctx, w.ana, reveal); !errors.Is(err, workspace.ErrNoToken) {
			t.Errorf("viewing when there is none: %v", err)
		}
	})
}

// TestAnAdminRegeneratesWithTheApprovalOfAnOwnerOrSuperAdmin: asking is all that an Admin may do alone.
func TestAnAdminRegeneratesWithTheApprovalOfAnOwnerOrSuperAdmin(t *testing.T) {
	withAdmins(t, func(t *testing.T, w *admins) {
		ben, dora := w.Colleague(w.ana, "ben", directory.Admin), w.Colleague(w.ana, "dora", directory.Admin)
		bens, doras := w.Phone(ben), w.Phone(dora)
		a := confirm.Ask{Action: confirm.RegenerateToken, Params: []byte(`{"reason":"Security","overlap_seconds":3600}`)}
		ask := func() confirm.View {
			t.Helper()
			w.Offset.Advance(16 * time.Minute)
			v, _, err := w.Confirms.Ask(w.Ctx, ben, a)
			if err != nil || v.Mode != confirm.Code || v.Quorum == nil || v.Quorum.Needed != 2 {
				t.Fatalf("%+v, %v", v, err)
			}
			if state, err := bens.Approve(v.ID, v.Code); err != nil || state != confirm.Pending {
				t.Fatalf("after Ben alone: %s, %v", state, err)
			}
			return v
		}
		v := ask()
		if _, err := w.Confirms.Collect(w.Ctx, ben, v.ID); !errors.Is(err, confirm.ErrNotApproved) {
			t.Errorf("collecting it alone: %v", err)
		}
		if waiting, _, err := w.Confirms.Waiting(w.Ctx, doras.Actor(dora)); err != nil || len(waiting) != 0 {
			t.Errorf("another Admin is asked: %v, %v", waiting, err)
		}
		if state, err := w.cleos.Deny(v.ID, ""); err != nil || state != confirm.Denied {
			t.Errorf("refused by Cleo: %s, %v", state, err)
		}
		_, before := w.live()
		v = ask()
		w.says(w.cleos, v)
		got, err := w.Confirms.Collect(w.Ctx, ben, v.ID)
		if err != nil || got.Plain == "" || got.Info.Replaces != before.ID || got.Info.CreatedBy != ben.Name {
			t.Fatalf("%+v, %v", got.Info, err)
		}
		v = ask()
		w.says(w.anas, v)
		become := func(who actor.Actor, role directory.Role) {
			w.InTx(func(tx database.Tx) error {
				return tx.Exec("UPDATE people SET role = ? WHERE id = ?", string(role), who.Person).Error
			})
		}
		become(ben, directory.User)
		if _, err := w.Confirms.Collect(w.Ctx, ben, v.ID); !errors.Is(err, confirm.ErrForbidden) {
			t.Errorf("collecting it as a User: %v", err)
		}
		super := w.Colleague(w.ana, "finn", directory.SuperAdmin)
		id := w.approved(super, w.Phone(super), a)
		become(super, directory.Admin)
		if _, err := w.Confirms.Collect(w.Ctx, super, id); !errors.Is(err, confirm.ErrForbidden) {
			t.Errorf("a Super Admin who became an Admin meanwhile: %v", err)
		}
	})
}

// TestSupportRegeneratesForSomebody: the audit and everybody who is told can tell it apart, whoever asked for it is answered, and may view the
// token once even where tokens are shown once.
func TestSupportRegeneratesForSomebody(t *testing.T) {
	withAdmins(t, func(t *testing.T, w *admins) {
		rules := workspace.Rules{Mode: workspace.RiskBased, TTL: 5 * time.Minute, ShowOnce: true}
		w.InTx(func(tx database.Tx) error { return w.Workspaces.SetRules(tx, w.ana, w.ana.Workspace, rules) })
		support := w.ana
		support.Kind, support.UserAgent = actor.Operator, "countersign token regenerate (Sam)"
		a := confirm.Ask{Action: confirm.RegenerateToken, Params: []byte(`{"reason":"it leaked","overlap_seconds":3600,"support":"Sam"}`)}
		if _, _, err := w.Confirms.Ask(w.Ctx, w.cleo, a); !errors.Is(err, confirm.ErrSupportOnly) {
			t.Errorf("somebody of the workspace as support: %v", err)
		}
		id := w.approved(support, w.anas, a)
		got, err := w.Confirms.Collect(w.Ctx, support, id)
		if err != nil {
			t.Fatal(err)
		}
		kinds := func(of actor.Actor) (out []string) {
			all, _, err := notice.Of(w.DB.Read(w.Ctx), of)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range all {
				if strings.HasPrefix(n.Kind, "token.") {
					out = append(out, n.Kind+" "+n.Params["operator"].(string))
				}
			}
			return out
		}
		if anas, cleos := kinds(w.ana), kinds(w.cleo); len(anas) != 1 || anas[0] != "token.support_answered Sam" || len(cleos) != 1 || cleos[0] != "token.renewed_support Sam" {
			t.Errorf("told Ana %v, Cleo %v", anas, cleos)
		}
		var events []struct{ ActorKind, Detail string }
		err = w.DB.Read(w.Ctx).Raw("SELECT actor_kind, detail FROM audit_events WHERE workspace_id = ? AND event = 'token.regenerated'", w.ana.Workspace).Scan(&events).Error
		if err != nil || len(events) != 1 || events[0].ActorKind != "operator" || !strings.Contains(events[0].Detail, `"Sam"`) {
			t.Errorf("%v %v", events, err)
		}
		shown, err := w.Confirms.Collect(w.Ctx, w.ana, w.approved(w.ana, w.anas, confirm.Ask{Action: confirm.RevealToken}))
		if err != nil || shown.Plain != got.Plain {
			t.Errorf("viewing it afterwards: %v", err)
		}
		if _, _, err := w.Confirms.Ask(w.Ctx, w.ana, confirm.Ask{Action: confirm.RevealToken}); !errors.Is(err, workspace.ErrShownOnce) {
			t.Errorf("viewing it a second time: %v", err)
		}
	})
}

// TestAdviceAboutAnOldToken holds the sentences of the overlap to the traffic.
func TestAdviceAboutAnOldToken(t *testing.T) {
	now := time.Date(2026, 5, 3, 14, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) provisioning.Traffic { return provisioning.Traffic{LastAt: now.Add(-d), Good: 4} }
	for _, tc := range []struct {
		name       string
		old, fresh provisioning.Traffic
		every      time.Duration
		want       provisioning.Advice
	}{
		{name: "nobody has used either", want: provisioning.Unused},
		{name: "only the old one is used", old: ago(3 * time.Minute), want: provisioning.InUse},
		{name: "only the old one was used, long ago", old: ago(5 * time.Hour), want: provisioning.InUse},
		{name: "the new one is used, the old one was a cycle ago", old: ago(40 * time.Minute), fresh: ago(0), want: provisioning.InUse},
		{name: "the new one is used, the old one not for two cycles", old: ago(80 * time.Minute), fresh: ago(0), want: provisioning.Safe},
		{name: "the same with a slow provider", old: ago(80 * time.Minute), fresh: ago(0), every: 2 * time.Hour, want: provisioning.InUse},
		{name: "a provider that comes once a week waits two days", old: ago(49 * time.Hour), fresh: ago(0), every: 168 * time.Hour, want: provisioning.Safe},
		{name: "the old one was never used", fresh: ago(0), want: provisioning.Safe},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := provisioning.Judge(tc.old, tc.fresh, tc.every, now.Add(-time.Hour), now); got.Advice != tc.want {
				t.Errorf("%+v, want %s", got, tc.want)
			}
		})
	}
}
