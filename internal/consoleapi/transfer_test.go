package consoleapi_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/phonesim"
)

// heir is a workspace whose Owner, Ana, and a Super Admin, Cleo, have phones; Ben is an Admin without one, Dora a user.
type heir struct {
	*apitest.Site
	t                    *testing.T
	ana, cleo, ben, dora *apitest.Browser
	anas, cleos          *phonesim.Phone
}

func newHeir(t *testing.T, s *apitest.Site) *heir {
	t.Helper()
	h := &heir{Site: s, t: t, ana: s.Owner("acme")}
	h.cleo = member(t, s, h.ana, "cleo", directory.SuperAdmin)
	h.ben = member(t, s, h.ana, "ben", directory.Admin)
	h.dora = member(t, s, h.ana, "dora", directory.User)
	h.anas, h.cleos = h.ana.Pair(phonesim.Options{}), h.cleo.Pair(phonesim.Options{})
	return h
}

// offer is Ana offering the ownership to Cleo, all the way.
func (h *heir) offer() string {
	h.t.Helper()
	h.Offset.Advance(11 * time.Minute) // past what limits on asking remember
	h.ana.SignIn("acme", "ana@acme.test")
	h.cleo.SignIn("acme", "cleo@acme.test")
	to := me(h.cleo)
	want(h.t, h.ana.Do("POST", "/v1/ownership/transfer", map[string]string{"person_id": to}), 403, "confirmation_required")
	id, shown := confirmedOn(h.t, h.Site, h.ana, h.anas, "ownership.transfer", "person:"+to)
	if shown != "Give the ownership of the workspace to cleo. They have to accept it on their phone" {
		h.t.Errorf("Ana's phone shows %q", shown)
	}
	r := want(h.t, h.ana.Do("POST", "/v1/ownership/transfer", map[string]string{"person_id": to, "confirmation_id": id}), 201, "")
	transfer, _ := r.JSON["transfer"].(map[string]any)["id"].(string)
	return transfer
}

func (h *heir) accept(transfer string) (id string) {
	h.t.Helper()
	id, shown := confirmedOn(h.t, h.Site, h.cleo, h.cleos, "ownership.accept", "transfer:"+transfer)
	if shown != "Become the Owner of Workspace acme. Ana Kovač gives it to you and becomes a Super Admin" {
		h.t.Errorf("Cleo's phone shows %q", shown)
	}
	return id
}

func role(b *apitest.Browser) string {
	r, _ := b.Do("GET", "/v1/session", nil).JSON["person"].(map[string]any)["role"].(string)
	return r
}

func (h *heir) open(b *apitest.Browser) bool {
	h.t.Helper()
	return want(h.t, b.Do("GET", "/v1/ownership/transfer", nil), 200, "").JSON["transfer"] != nil
}

func (h *heir) owners() int {
	var n int64
	if err := h.DB.Read(h.Ctx).Table("people").Where("role = 'owner'").Count(&n).Error; err != nil {
		h.t.Fatal(err)
	}
	return int(n)
}

func TestTheOwnershipMovesWhenBothHaveConfirmedOnTheirPhones(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		h := newHeir(t, s)
		transfer := h.offer()
		if role(h.ana) != "owner" || !h.open(h.cleo) || !slices.Contains(kinds(h.cleo), "ownership.offered") || slices.Contains(kinds(h.ben), "ownership.offered") {
			t.Errorf("after the offer Ana is %s, Cleo is told %v", role(h.ana), kinds(h.cleo))
		}
		want(t, h.cleo.Do("POST", "/v1/ownership/transfer/accept", map[string]string{}), 403, "confirmation_required")
		want(t, h.ben.Do("POST", "/v1/ownership/transfer/accept", map[string]string{}), 409, "no_transfer")
		want(t, h.ana.Do("POST", "/v1/ownership/transfer/accept", map[string]string{}), 403, "forbidden")
		want(t, h.dora.Do("GET", "/v1/ownership/transfer", nil), 403, "forbidden")

		// An open dialog of Ana's: what only the Owner may do is not done any more by who was it.
		id := h.accept(transfer)
		r := want(t, h.cleo.Do("POST", "/v1/ownership/transfer/accept", map[string]string{"confirmation_id": id}), 200, "")
		if r.JSON["transfer"].(map[string]any)["id"] != transfer {
			t.Errorf("accepted: %s", r.Body)
		}
		if role(h.ana) != "super_admin" || role(h.cleo) != "owner" || h.owners() != 1 || h.open(h.ana) { // the sessions that were open before
			t.Errorf("now Ana is %s and Cleo %s, %d Owners", role(h.ana), role(h.cleo), h.owners())
		}
		want(t, h.ana.Do("POST", "/v1/ownership/transfer", map[string]string{"person_id": me(h.cleo)}), 403, "forbidden")
		want(t, h.cleo.Do("POST", "/v1/ownership/transfer/accept", map[string]string{"confirmation_id": id}), 403, "forbidden")
		for _, b := range []*apitest.Browser{h.ana, h.cleo, h.ben} {
			if !slices.Contains(kinds(b), "ownership.transferred") {
				t.Errorf("not told: %v", kinds(b))
			}
		}
		if slices.Contains(kinds(h.dora), "ownership.transferred") {
			t.Error("a user is told")
		}
		var events []string
		if err := s.DB.Read(s.Ctx).Raw("SELECT event FROM audit_events WHERE event LIKE 'ownership.%' ORDER BY at").Scan(&events).Error; err != nil || !slices.Equal(events, []string{"ownership.offered", "ownership.transferred"}) {
			t.Errorf("the audit says %v (%v)", events, err)
		}
	})
}

func TestWhoCannotBecomeTheOwner(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		h := newHeir(t, s)
		ask := func(b *apitest.Browser, resource string) apitest.Reply {
			return b.Do("POST", "/v1/confirmations", map[string]string{"action": "ownership.transfer", "resource": resource})
		}
		offer := func(b *apitest.Browser, to string) apitest.Reply {
			return b.Do("POST", "/v1/ownership/transfer", map[string]string{"person_id": to})
		}
		want(t, ask(h.ana, "person:"+me(h.dora)), 409, "bad_receiver")
		want(t, offer(h.ana, me(h.dora)), 409, "bad_receiver")
		want(t, ask(h.ana, "person:"+me(h.ana)), 409, "bad_receiver")
		want(t, ask(h.ana, "person:"+me(h.ben)), 409, "receiver_no_phone")
		want(t, ask(h.cleo, "person:"+me(h.ben)), 403, "forbidden")
		want(t, offer(h.cleo, me(h.ben)), 403, "forbidden")
		want(t, offer(h.ana, me(s.Owner("evil"))), 404, "not_found")
		want(t, ask(h.ana, "person:ppl_x"), 404, "not_found")
		off := member(t, s, h.ana, "finn", directory.Admin)
		gone := me(off)
		want(t, h.ana.Do("PATCH", "/v1/people/"+gone, map[string]bool{"active": false}), 200, "")
		want(t, offer(h.ana, gone), 409, "bad_receiver")
		s.Offset.Advance(6 * time.Minute)
		want(t, offer(h.ana, me(h.cleo)), 403, "reauthentication_required")
		want(t, ask(h.ana, "person:"+me(h.cleo)), 403, "reauthentication_required")
	})
}

// TestAnOfferEndsWithWhatItRestsOn: and the confirmation that the receiver has given already moves nothing then.
func TestAnOfferEndsWithWhatItRestsOn(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		h := newHeir(t, s)
		ana, cleo := me(h.ana), me(h.cleo)
		ws, _ := h.ana.Do("GET", "/v1/session", nil).JSON["workspace"].(map[string]any)["id"].(string)
		operator := actor.Actor{Kind: actor.Operator, Workspace: ws, Name: "test"}
		user, super := directory.User, directory.SuperAdmin
		no, yes := false, true
		change := func(id string, r *directory.Role, active *bool) {
			t.Helper()
			if _, err := s.Directory.Change(s.Ctx, operator, id, r, active); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			what string
			do   func()
			back func()
		}{
			{"it is taken back", func() { want(t, h.ana.Do("DELETE", "/v1/ownership/transfer", nil), 204, "") }, nil},
			{"it is declined", func() { want(t, h.cleo.Do("POST", "/v1/ownership/transfer/decline", map[string]string{}), 204, "") }, nil},
			{"a day passes", func() {
				s.Offset.Advance(24 * time.Hour)
				if err := s.Directory.SweepTransfers(s.Ctx); err != nil {
					t.Fatal(err)
				}
				h.cleo.SignIn("acme", "cleo@acme.test")
				h.ana.SignIn("acme", "ana@acme.test")
			}, nil},
			{"the receiver is made a user", func() { change(cleo, &user, nil) }, func() { change(cleo, &super, nil) }},
			{"the receiver is deactivated", func() { change(cleo, nil, &no) }, func() {
				change(cleo, nil, &yes)
				h.cleo.SignIn("acme", "cleo@acme.test")
			}},
		} {
			transfer := h.offer()
			if c.back == nil && c.what != "a day passes" {
				id := h.accept(transfer)
				c.do()
				want(t, h.cleo.Do("POST", "/v1/ownership/transfer/accept", map[string]string{"confirmation_id": id}), 409, "no_transfer")
			} else {
				c.do()
			}
			if c.back != nil {
				c.back()
			}
			want(t, h.cleo.Do("POST", "/v1/confirmations", map[string]string{"action": "ownership.accept", "resource": "transfer:" + transfer}), 409, "no_transfer")
			want(t, h.cleo.Do("POST", "/v1/ownership/transfer/decline", map[string]string{}), 409, "no_transfer")
			if role(h.ana) != "owner" || h.owners() != 1 || h.open(h.ana) {
				t.Errorf("after %s Ana is %s", c.what, role(h.ana))
			}
			if c.what == "the receiver is deactivated" {
				break // with the phone that ended: it comes last
			}
		}
		for _, kind := range []string{"ownership.offer_declined", "ownership.offer_expired"} {
			if !slices.Contains(kinds(h.ana), kind) {
				t.Errorf("Ana is not told of %s: %v", kind, kinds(h.ana))
			}
		}
		if !slices.Contains(kinds(h.cleo), "ownership.offer_cancelled") {
			t.Errorf("Cleo is not told: %v", kinds(h.cleo))
		}

		// Rule O1: the directory takes the Owner away while the offer is open. The ownership is frozen, and taken over as ever, not by the offer.
		emil := member(t, s, h.ana, "emil", directory.SuperAdmin)
		emil.Pair(phonesim.Options{})
		s.Offset.Advance(11 * time.Minute)
		h.ana.SignIn("acme", "ana@acme.test")
		emil.SignIn("acme", "emil@acme.test")
		to := me(emil)
		id, _ := confirmedOn(t, s, h.ana, h.anas, "ownership.transfer", "person:"+to)
		want(t, h.ana.Do("POST", "/v1/ownership/transfer", map[string]string{"person_id": to, "confirmation_id": id}), 201, "")
		s.InTx(func(tx database.Tx) error {
			return tx.Exec("UPDATE people SET source = 'directory' WHERE id = ?", ana).Error
		})
		idp := directory.NewProvisioning(s.Directory, "https://acme.test/v1/scim/v2", []byte("key"), time.Now)
		if err := idp.DeleteUser(s.Ctx, actor.Actor{Kind: actor.Provider, Workspace: ws, Token: "tok_x"}, ana, nil); err != nil {
			t.Fatal(err)
		}
		want(t, emil.Do("POST", "/v1/ownership/transfer/accept", map[string]string{}), 409, "no_transfer")
		if frozen, err := directory.Frozen(s.DB.Read(s.Ctx), ws); err != nil || !frozen || role(emil) != "super_admin" {
			t.Errorf("frozen %v (%v), Emil is %s", frozen, err, role(emil))
		}
	})
}

// TestARoleThatIsLostEndsWhatIsOpenAtOnce: the page's next call is refused, the waiting dialog is told over its websocket, and what the phone has
// approved is not handed out.
func TestARoleThatIsLostEndsWhatIsOpenAtOnce(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		h := newHeir(t, s)
		asked := h.cleo.Ask()
		conn, _, err := h.cleo.Dial(asked.Text("id"), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		want(t, h.cleo.Do("GET", "/v1/directory", nil), 200, "")
		want(t, h.ana.Do("PATCH", "/v1/people/"+me(h.cleo), map[string]string{"role": "user"}), 200, "")
		want(t, h.cleo.Do("GET", "/v1/directory", nil), 403, "forbidden")
		if role(h.cleo) != "user" {
			t.Errorf("the open session is %s's", role(h.cleo))
		}
		for { // pending frames may come first
			if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			var f struct {
				Confirmation struct{ State, Reason string }
			}
			err := conn.ReadJSON(&f)
			var end *websocket.CloseError
			if errors.As(err, &end) {
				t.Fatalf("closed with %d before the dialog was told", end.Code)
			}
			if err != nil {
				t.Fatal(err)
			}
			if f.Confirmation.State == "cancelled" {
				if f.Confirmation.Reason != "role_lost" {
					t.Errorf("cancelled because %s", f.Confirmation.Reason)
				}
				break
			}
		}
		_, err = h.cleos.Approve(s.Ctx, asked.Text("id"), phonesim.ApproveOptions{Code: asked.Text("code")})
		if err == nil || !strings.Contains(err.Error(), "already_answered") {
			t.Errorf("the phone approves afterwards: %v", err)
		}
		if r := h.cleo.Do("POST", "/v1/confirmations/"+asked.Text("id")+"/reveal", map[string]string{}); r.Status == http.StatusOK {
			t.Error("the token is handed out")
		}
	})
}
