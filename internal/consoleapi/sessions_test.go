package consoleapi_test

import (
	"slices"
	"testing"

	"github.com/countersign/countersign/internal/directory"
)

func TestPeopleSeeAndEndTheirSessions(t *testing.T) {
	onBoth(t, func(w *world) {
		w.workspace("acme", "ana@acme.test")
		desk, laptop, phone := w.signedIn("acme", "ana@acme.test"), w.signedIn("acme", "ana@acme.test"), w.signedIn("acme", "ana@acme.test")

		open := desk.get("/v1/sessions").is(200)
		if n := len(open.texts("items", "id")); n != 3 {
			w.Fatalf("%d sessions: %s", n, open.raw)
		}
		here := current(open)
		there := current(laptop.get("/v1/sessions").is(200))
		if here == there {
			w.Fatal("two sessions have one id")
		}

		desk.delete("/v1/sessions/"+there, nil).is(204)
		laptop.get("/v1/session").is(401, "unauthorized")
		if len(w.ended) != 1 || len(w.ended[0].Session) == 0 {
			w.Errorf("who keeps what hangs on the session was told of %v", w.ended)
		}
		desk.delete("/v1/sessions/"+there, nil).is(404, "not_found")
		desk.delete("/v1/sessions/ses_nothing", nil).is(404, "not_found")

		if n := desk.delete("/v1/sessions", nil).is(200).number("ended"); n != 1 {
			w.Errorf("%d others were ended", n)
		}
		phone.get("/v1/session").is(401, "unauthorized")
		if left := desk.get("/v1/sessions").is(200).texts("items", "id"); !slices.Equal(left, []string{here}) {
			w.Errorf("left: %v", left)
		}
	})
}

func current(a answer) string {
	for i, id := range a.texts("items", "id") {
		if a.at("items").([]any)[i].(map[string]any)["current"] == true {
			return id
		}
	}
	return ""
}

func TestSessionsOfOthersAreForManagers(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		evil := w.workspace("evil", "eve@evil.test")
		ben := w.person(acme.Workspace, "ben@acme.test", directory.Admin)
		ana, bens := w.signedIn("acme", "ana@acme.test"), w.signedIn("acme", "ben@acme.test")
		of := "/v1/people/" + ben.ID + "/sessions"

		if n := len(ana.get(of).is(200).texts("items", "id")); n != 1 {
			w.Errorf("the Owner sees %d sessions", n)
		}
		bens.get("/v1/people/"+acme.Owner.ID+"/sessions").is(403, "forbidden").allows("owner", "super_admin")
		bens.delete("/v1/people/"+acme.Owner.ID+"/sessions", nil).is(403, "forbidden")
		eve := w.signedIn("evil", "eve@evil.test")
		eve.get(of).is(404, "not_found")
		eve.delete(of, nil).is(404, "not_found")
		eve.delete("/v1/sessions/"+current(bens.get("/v1/sessions").is(200)), nil).is(404, "not_found")
		ana.get("/v1/people/"+evil.Owner.ID+"/sessions").is(404, "not_found")

		if n := ana.delete(of, nil).is(200).number("ended"); n != 1 {
			w.Errorf("%d sessions were ended", n)
		}
		bens.get("/v1/session").is(401, "unauthorized")
		ana.get("/v1/session").is(200)
	})
}
