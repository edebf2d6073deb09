package apitest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/phonesim"
)

// TestWhereAddressesComeFromIsConfirmedOnThePhone: people sign in by their address, so what feeds it is signed by a phone, source by source.
func TestWhereAddressesComeFromIsConfirmedOnThePhone(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		phone := ana.Pair(phonesim.Options{})
		sources := []string{`emails[type eq "home"].value`, `emails[type eq "other"].value`, "userName"}
		ask := func(params any) apitest.Reply {
			return ana.Do("POST", "/v1/confirmations", map[string]any{"action": "directory.mapping", "params": params})
		}
		save := func(id string, email []string) apitest.Reply {
			return ana.Do("PUT", "/v1/directory/mapping", map[string]any{"mapping": map[string]any{"email": email}, "confirmation_id": id})
		}
		for _, bad := range []any{nil, map[string]any{}, map[string]any{"email": sources, "name": sources},
			map[string]any{"email": slices.Repeat(sources, 10)}} { // more than a phone can show
			if r := ask(bad); r.Status != http.StatusBadRequest {
				t.Errorf("asking with %v: %d %s", bad, r.Status, r.Body)
			}
		}
		r := ask(map[string]any{"email": sources})
		if r.Status != http.StatusCreated || r.Text("mode") != "code" {
			t.Fatalf("asking: %d %s", r.Status, r.Body)
		}
		seen, err := phone.Open(s.Ctx, r.Text("id"))
		if err != nil || !strings.HasSuffix(seen.Ctx.Action, " from "+strings.Join(sources, ", ")) {
			t.Errorf("the phone shows %q, %v", seen.Ctx.Action, err)
		}
		if state, err := phone.Approve(s.Ctx, r.Text("id"), phonesim.ApproveOptions{Code: r.Text("code")}); err != nil || state != "approved" {
			t.Fatalf("approving: %s %v", state, err)
		}
		if other := save(r.Text("id"), sources[:1]); other.Code() != "confirmation_required" {
			t.Errorf("other sources than those signed: %d %s", other.Status, other.Body)
		}
		if done := save(r.Text("id"), sources); done.Status != http.StatusOK {
			t.Errorf("%d %s", done.Status, done.Body)
		}
		if again := save(r.Text("id"), sources[:1]); again.Code() != "confirmation_required" {
			t.Errorf("spent already: %d %s", again.Status, again.Body)
		}
	})
}
