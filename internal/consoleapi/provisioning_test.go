package consoleapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/scimapi"
	"github.com/countersign/countersign/internal/workspace"
)

// scim is an identity provider of a workspace: it calls the real door, below the console's own server.
func (w *world) scim(workspaceID string) func(method, path, body string) int {
	w.Helper()
	base := w.public + "/v1/scim/v2"
	door := scimapi.New(scimapi.Deps{Directory: directory.NewProvisioning(w.directory, base, []byte("a key of the test"), time.Now), Base: base,
		Authenticate: w.workspaces.Authenticate, Recognise: w.workspaces.Recognise, Log: w.syncLog, Now: time.Now})
	w.replay = door.Replay
	e := gin.New()
	door.Mount(e.Group("/v1/scim/v2"))
	w.bearer = "Bearer " + w.token(workspaceID)
	return func(method, path, body string) int {
		req, err := http.NewRequestWithContext(w.Context(), method, base+path, strings.NewReader(body))
		w.must(err)
		req.Header.Set("Authorization", w.bearer)
		req.Header.Set("User-Agent", "Okta SCIM Client 1.0.0")
		if body != "" {
			req.Header.Set("Content-Type", "application/scim+json")
		}
		res := recorded{header: http.Header{}}
		e.ServeHTTP(&res, req)
		return res.status
	}
}

// recorded is an answer of which only the status matters.
type recorded struct {
	header http.Header
	status int
}

func (r *recorded) Header() http.Header         { return r.header }
func (r *recorded) WriteHeader(status int)      { r.status = status }
func (r *recorded) Write(b []byte) (int, error) { return len(b), nil }

// items are the list of an answer.
func items(r answer, name string) []map[string]any {
	list, _ := r.body[name].([]any)
	out := make([]map[string]any, len(list))
	for i, e := range list {
		out[i], _ = e.(map[string]any)
	}
	return out
}

func TestTheProvisioningLogIsReadFilteredAndPaged(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		ana := w.signedIn("acme", "ana@acme.test")
		call := w.scim(acme.Workspace.ID)
		if r := ana.get("/v1/provisioning/log"); r.status != http.StatusOK || len(items(r, "items")) != 0 || r.body["kept_days"] != float64(180) {
			w.Fatalf("an empty log: %d %s", r.status, r.raw)
		}
		for _, name := range []string{"ben", "cleo", "dora"} {
			call("POST", "/Users", `{"userName":"`+name+`@acme.test","displayName":"`+name+`"}`)
		}
		call("POST", "/Users", `{"userName":"ben@acme.test","displayName":"ben"}`)
		call("POST", "/Users", `{"userName":"ben@acme.test","displayName":"ben"}`)
		call("GET", "/Users?filter=userName%20eq%20%22emil@acme.test%22", "")
		all := items(ana.get("/v1/provisioning/log"), "items")
		if len(all) != 5 || all[0]["operation"] != "user.list" || all[1]["times"] != float64(2) || all[1]["result"] != "failed" {
			w.Fatalf("the log: %v", all)
		}
		ben := all[4]["subject"].(map[string]any)["id"].(string)
		from := all[2]["at"].(string)
		for query, want := range map[string]int{"": 5, "result=failed": 1, "result=ok": 4, "effect=created": 3, "effect=refused": 1, "effect=off": 0, "open=true": 1, "person=" + ben: 1, "operation=user.create": 4, "method=GET": 1,
			"code=DS-1201": 1, "q=CLEO": 1, "q=emil@acme": 1, "q=nobody": 0, "team=tea_x": 0, "token=" + all[0]["used_token"].(map[string]any)["id"].(string): 5, "token=tok_x": 0,
			"from=" + url.QueryEscape(from): 3, "to=" + url.QueryEscape(from): 2, "result=failed&q=ben": 1, "person=" + ben + "&result=failed": 0} {
			if r := ana.get("/v1/provisioning/log?" + query); r.status != http.StatusOK || len(items(r, "items")) != want {
				w.Errorf("%s: %d, %d rows, want %d", query, r.status, len(items(r, "items")), want)
			}
		}
		for _, query := range []string{"result=good", "effect=gone", "from=yesterday", "person=a%20b", "after=x", "limit=many", "q=" + strings.Repeat("x", 201)} {
			if r := ana.get("/v1/provisioning/log?" + query); r.status != http.StatusBadRequest {
				w.Errorf("%s: %d", query, r.status)
			}
		}
		var seen []string
		for page, n := "/v1/provisioning/log?limit=2", 0; n < 5; n++ {
			r := ana.get(page)
			for _, c := range items(r, "items") {
				seen = append(seen, c["id"].(string))
			}
			next, _ := r.body["next"].(string)
			if next == "" {
				break
			}
			page = "/v1/provisioning/log?limit=2&after=" + next
		}
		if len(seen) != 5 || seen[0] != all[0]["id"] || seen[4] != all[4]["id"] {
			w.Errorf("page by page: %v", seen)
		}
		if r := ana.get("/v1/provisioning/log?before=" + seen[2]); len(items(r, "items")) != 2 || items(r, "items")[0]["id"] != seen[0] {
			w.Errorf("what is newer: %s", r.raw)
		}
	})
}

func TestARowIsExplainedRevealedAndReplayed(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		ana := w.signedIn("acme", "ana@acme.test")
		call := w.scim(acme.Workspace.ID)
		call("POST", "/Users", `{"userName":"ben@acme.test","displayName":"Ben","phoneNumbers":[{"value":"+385 91 555 0101"}]}`)
		call("POST", "/Users", `{"userName":"BEN@acme.test","displayName":"Ben the second"}`)
		all := items(ana.get("/v1/provisioning/log"), "items")
		failed, made := "/v1/provisioning/log/"+all[0]["id"].(string), "/v1/provisioning/log/"+all[1]["id"].(string)
		d := ana.get(failed)
		if d.status != http.StatusOK || d.body["reason"].(map[string]any)["code"] != "DS-1201" || d.body["said"] == "" || d.body["can"].(map[string]any)["replay"] != true {
			w.Errorf("%s", d.raw)
		}
		if strings.Contains(ana.get(made).raw, "555 0101") {
			w.Error("a masked row shows a telephone number")
		}
		if r := ana.post(made+"/raw", nil); r.status != http.StatusOK || !strings.Contains(r.body["body"].(string), "555 0101") {
			w.Errorf("raw: %d %s", r.status, r.raw)
		}
		if n := w.count("SELECT COUNT(*) FROM audit_events WHERE event = 'provisioning_log.revealed'"); n != 1 {
			w.Errorf("%d looks in the audit", n)
		}
		dry := ana.post(failed+"/replay", map[string]bool{"dry_run": true})
		if dry.status != http.StatusOK || dry.body["status"] != float64(409) || dry.body["reason"] == nil {
			w.Errorf("dry run: %d %s", dry.status, dry.raw)
		}
		if r := ana.post(failed+"/replay", nil); r.status != http.StatusBadRequest {
			w.Errorf("a replay that does not say which: %d", r.status)
		}
		w.must(w.db.InTx(w.Context(), func(tx database.Tx) error {
			return tx.Exec("UPDATE people SET user_name = 'x', user_name_key = 'x' WHERE user_name_key = 'ben@acme.test'").Error
		}))
		dry = ana.post(failed+"/replay", map[string]bool{"dry_run": true})
		if dry.body["status"] != float64(201) || len(items(dry, "changes")) == 0 || w.count("SELECT COUNT(*) FROM people WHERE user_name_key = 'ben@acme.test'") != 0 {
			w.Errorf("dry run: %d %s", dry.status, dry.raw)
		}
		done := ana.post(failed+"/replay", map[string]bool{"dry_run": false})
		if done.body["status"] != float64(201) || w.count("SELECT COUNT(*) FROM people WHERE user_name_key = 'ben@acme.test'") != 1 {
			w.Errorf("replay: %d %s", done.status, done.raw)
		}
		if r := ana.get(failed); r.body["resolved_by"] != done.body["call"] {
			w.Errorf("still open: %s", r.raw)
		}
	})
}

func TestWhoMaySeeWhatOfTheLog(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		w.workspace("evil", "eve@evil.test")
		w.person(acme.Workspace, "ben@acme.test", directory.Admin)
		w.person(acme.Workspace, "finn@acme.test", directory.User)
		ana, ben, finn, eve := w.signedIn("acme", "ana@acme.test"), w.signedIn("acme", "ben@acme.test"), w.signedIn("acme", "finn@acme.test"), w.signedIn("evil", "eve@evil.test")
		w.scim(acme.Workspace.ID)("POST", "/Users", `{"userName":"gina@acme.test"}`)
		row := "/v1/provisioning/log/" + items(ana.get("/v1/provisioning/log"), "items")[0]["id"].(string)
		for _, c := range []struct {
			name, method, path       string
			body                     any
			ana, ben, finn, stranger int
		}{
			{"the list", "GET", "/v1/provisioning/log", nil, 200, 200, 403, 200},
			{"a row", "GET", row, nil, 200, 200, 403, 404},
			{"the request as sent", "POST", row + "/raw", map[string]any{}, 200, 403, 403, 404},
			{"a dry run", "POST", row + "/replay", map[string]bool{"dry_run": true}, 200, 200, 403, 404},
			{"a replay", "POST", row + "/replay", map[string]bool{"dry_run": false}, 200, 403, 403, 404},
			{"health", "GET", "/v1/provisioning/health", nil, 200, 200, 403, 200},
			{"who is missing", "GET", "/v1/provisioning/missing?person=x", nil, 200, 200, 403, 200},
			{"the reasons", "GET", "/v1/provisioning/reasons", nil, 200, 200, 403, 200},
			{"how long it is kept", "GET", "/v1/provisioning/settings", nil, 200, 200, 403, 200},
			{"keeping it shorter", "PATCH", "/v1/provisioning/settings", map[string]int{"retention_days": 90}, 200, 403, 403, 200},
			{"keeping it too short", "PATCH", "/v1/provisioning/settings", map[string]int{"retention_days": 3}, 400, 403, 403, 400},
			{"another's row", "GET", "/v1/provisioning/log/plg_000000000000000000", nil, 404, 404, 403, 404},
		} {
			for who, b := range map[string]*browser{"ana": ana, "ben": ben, "finn": finn, "eve": eve} {
				want := map[string]int{"ana": c.ana, "ben": c.ben, "finn": c.finn, "eve": c.stranger}[who]
				if r := b.request(c.method, c.path, c.body); r.status != want {
					w.Errorf("%s by %s: %d, want %d: %s", c.name, who, r.status, want, r.raw)
				}
			}
		}
		if r := eve.get("/v1/provisioning/log"); len(items(r, "items")) != 0 {
			w.Errorf("another workspace sees %s", r.raw)
		}
	})
}

func TestWhyIsThisPersonNotHere(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		ana := w.signedIn("acme", "ana@acme.test")
		call := w.scim(acme.Workspace.ID)
		verdict := func(person, want string, says ...string) {
			w.Helper()
			r := ana.get("/v1/provisioning/missing?person=" + url.QueryEscape(person))
			if r.status != http.StatusOK || r.body["verdict"] != want {
				w.Errorf("%s: %d %s, want %s", person, r.status, r.raw, want)
			}
			for _, s := range says {
				if !strings.Contains(r.raw, s) {
					w.Errorf("%s: %q is not in %s", person, s, r.raw)
				}
			}
		}
		verdict("gina@acme.test", string(provisioning.NobodyCalls))
		call("POST", "/Users", `{"userName":"ben@acme.test","displayName":"Ben","emails":[{"value":"benjamin@acme.test","type":"work"}]}`)
		call("POST", "/Users", `{"userName":"cleo@acme.test","displayName":"Cleo"}`)
		call("POST", "/Users", `{"userName":"dora@acme.test","displayName":"Dora","active":false}`)
		id := ana.get("/v1/provisioning/missing?person=cleo@acme.test").body["people"].([]any)[0].(map[string]any)["id"].(string)
		call("DELETE", "/Users/"+id, "")
		call("PUT", "/Users/"+id, `{"userName":"emil@acme.test"}`)
		call("GET", "/Users?filter=userName%20eq%20%22finn@acme.test%22", "")
		call("POST", "/Groups", `{"displayName":"Marketing","members":[{"value":"gina-in-okta"}]}`)
		verdict("BEN@acme.test", string(provisioning.IsHere), "Ben is here and active")
		verdict("benjamin@acme.test", string(provisioning.IsHere))
		verdict("Dora", string(provisioning.IsInactive), "the identity provider turned their access off")
		call("POST", "/Users", `{"userName":"hana@acme.test","displayName":"Hana"}`)
		hana := ana.get("/v1/provisioning/missing?person=hana@acme.test").body["people"].([]any)[0].(map[string]any)["id"].(string)
		if r := ana.patch("/v1/people/"+hana, map[string]any{"active": false}); r.status != http.StatusOK {
			w.Errorf("%d %s", r.status, r.raw)
		}
		verdict("Hana", string(provisioning.IsInactive), "turned their access off here")
		verdict("cleo@acme.test", string(provisioning.IsDeleted), "Until ")
		verdict("ana@acme.test", string(provisioning.IsLocal), "was added here")
		verdict("emil@acme.test", string(provisioning.WasRefused), "DS-1207", "tried once")
		verdict("finn@acme.test", string(provisioning.WasAsked), "Okta looked for them")
		verdict("gina-in-okta", string(provisioning.WasNeverSent), "The team Marketing named this person")
		verdict("nobody@acme.test", string(provisioning.WasNeverSent), "Okta has never sent this person. The log goes back to", "People of a group inside a group are not provisioned.")
		for _, bad := range []string{"", "%20", strings.Repeat("x", 201), "%ff"} {
			if r := ana.get("/v1/provisioning/missing?person=" + bad); r.status != http.StatusBadRequest {
				w.Errorf("%q: %d", bad, r.status)
			}
		}
	})
}

func TestTheDirectorySectionShowsTheHealthOfTheLog(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		ana := w.signedIn("acme", "ana@acme.test")
		call := w.scim(acme.Workspace.ID)
		status := func() map[string]any { return ana.get("/v1/directory").body["status"].(map[string]any) }
		if s := status(); s["state"] != "waiting" {
			w.Errorf("before the first call: %v", s)
		}
		call("GET", "/Users?count=1", "")
		if s := status(); s["state"] != "initial" || s["last_client"] != "Okta" {
			w.Errorf("after a look: %v", s)
		}
		call("POST", "/Users", `{"userName":" "}`)
		if s := status(); s["state"] != "initial" || s["open"] != float64(1) {
			w.Errorf("in the first cycle: %v", s)
		}
		h := ana.get("/v1/provisioning/health")
		if h.status != http.StatusOK || h.body["state"] != "initial" || len(items(h, "cycles")) != 1 || items(h, "cycles")[0]["inferred"] != true {
			w.Errorf("health: %d %s", h.status, h.raw)
		}
		if said := items(h, "sentences"); said[0]["code"] != "last_call" || len(said[0]["times"].([]any)) != 1 || said[0]["times"].([]any)[0] != h.body["last_call_at"] {
			w.Errorf("the time of the last call, as it is: %s", h.raw)
		}
		if used := items(h, "tokens"); len(used) != 1 || used[0]["client"] != "Okta" || used[0]["calls"] != float64(2) || used[0]["good"] != float64(2) {
			w.Errorf("tokens in use: %s", h.raw)
		}
		if r := ana.get("/v1/provisioning/reasons"); len(items(r, "items")) < 20 {
			w.Errorf("reasons: %s", r.raw)
		}
	})
}

// token is a token of a workspace in plain text.
func (w *world) token(workspaceID string) string {
	w.Helper()
	active, err := workspace.ActiveToken(w.db.Read(w.Context()), workspaceID)
	w.must(err)
	var plain string
	w.must(w.db.InTx(w.Context(), func(tx database.Tx) (err error) {
		plain, _, err = w.workspaces.Open(tx, workspaceID, active.ID)
		return err
	}))
	return plain
}

func (w *world) count(sql string) (n int) {
	w.Helper()
	w.must(w.db.Read(w.Context()).Raw(sql).Scan(&n).Error)
	return n
}

// request makes a call with a body, or without one for GET.
func (b *browser) request(method, path string, body any) answer {
	b.w.Helper()
	if method == http.MethodGet {
		return b.get(path)
	}
	return b.json(method, path, body)
}

func TestATokenThatEndedIsRecognised(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		ana := w.signedIn("acme", "ana@acme.test")
		call := w.scim(acme.Workspace.ID)
		old := w.bearer
		hint := old[len(old)-4:]
		said := func() map[string]any {
			list := items(ana.get("/v1/provisioning/log?result=rejected"), "items")
			if len(list) == 0 {
				return nil
			}
			return list[0]
		}
		plain := strings.TrimPrefix(old, "Bearer ")
		for _, form := range []string{plain, `Bearer "` + plain + `"`, "Bearer <" + plain + ">", "Token " + plain} {
			w.bearer = form
			if status := call("GET", "/Users", ""); status != http.StatusUnauthorized {
				w.Errorf("%d", status)
			}
		}
		row := said()
		if row == nil || row["times"] != float64(4) || !strings.Contains(row["sentence"].(string), "sent the right token (…"+plain[len(plain)-4:]+"), but not as the header needs it") {
			w.Fatalf("the right token in a wrong form: %v", row)
		}
		w.bearer = "Bearer cs_scim_" + strings.Repeat("x", 49)
		call("GET", "/Users", "")
		if all := items(ana.get("/v1/provisioning/log"), "items"); len(all) != 1 {
			w.Errorf("a token that is nobody's left a row: %v", all)
		}
		w.must(w.db.InTx(w.Context(), func(tx database.Tx) error {
			_, _, _, err := w.workspaces.Regenerate(tx, actor.Actor{Kind: actor.Operator, Workspace: acme.Workspace.ID, Name: "Op"}, acme.Workspace.ID, "", 0)
			return err
		}))
		call = w.scim(acme.Workspace.ID) // another process: nothing is remembered
		w.bearer = old
		if status := call("GET", "/Users", ""); status != http.StatusUnauthorized {
			w.Errorf("the old token: %d", status)
		}
		row = said()
		if row == nil || !strings.Contains(row["sentence"].(string), "Okta sent the token (…"+hint+") that was replaced on ") || !strings.Contains(row["sentence"].(string), "It has not been valid since ") {
			w.Errorf("the old token: %v", row)
		}
		if n := w.count("SELECT COUNT(*) FROM provisioning_log WHERE sentence LIKE '%cs_scim_%' OR search LIKE '%cs_scim_%' OR target LIKE '%cs_scim_%'"); n != 0 {
			w.Errorf("%d rows hold a token", n)
		}
		if h := ana.get("/v1/provisioning/health"); h.body["state"] != "attention" {
			w.Errorf("health %s", h.raw)
		}
	})
}
