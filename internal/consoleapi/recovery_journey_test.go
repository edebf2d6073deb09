package consoleapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/phonesim"
	"github.com/countersign/countersign/internal/signin"
)

// member is one more person of acme with a password, signed in from a browser of their own.
func member(t *testing.T, s *apitest.Site, owner *apitest.Browser, name string, role directory.Role) *apitest.Browser {
	t.Helper()
	ws := owner.Do("GET", "/v1/session", nil).JSON["workspace"].(map[string]any)["id"].(string)
	_, link, err := s.Signin.Invite(s.Ctx, actor.Actor{Kind: actor.Operator, Workspace: ws}, name, name+"@acme.test", role)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Signin.SetPassword(s.Ctx, signin.Browser{}, secret(link.URL), apitest.Password); err != nil {
		t.Fatal(err)
	}
	b := s.Browser()
	b.SignIn("acme", name+"@acme.test")
	return b
}

func me(b *apitest.Browser) string {
	return b.Do("GET", "/v1/session", nil).JSON["person"].(map[string]any)["id"].(string)
}

func want(t *testing.T, r apitest.Reply, status int, code string) apitest.Reply {
	t.Helper()
	if r.Status != status || status >= 400 && r.Code() != code { // a waiting confirmation has a code of its own
		t.Fatalf("%d %s, want %d %s", r.Status, r.Body, status, code)
	}
	return r
}

// confirmedOn runs a confirmation in mode code on a phone.
func confirmedOn(t *testing.T, s *apitest.Site, b *apitest.Browser, p *phonesim.Phone, action, resource string) (id, shown string) {
	t.Helper()
	r := want(t, b.Do("POST", "/v1/confirmations", map[string]string{"action": action, "resource": resource}), http.StatusCreated, "")
	c, err := p.Open(s.Ctx, r.Text("id"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Approve(s.Ctx, r.Text("id"), phonesim.ApproveOptions{Code: r.Text("code")}); err != nil {
		t.Fatal(err)
	}
	return r.Text("id"), c.Ctx.Action
}

func kinds(b *apitest.Browser) (out []string) {
	for _, n := range b.Do("GET", "/v1/notices", nil).JSON["items"].([]any) {
		out = append(out, n.(map[string]any)["kind"].(string))
	}
	return out
}

// Journey J6 A.
func TestRecoveryByCodeOverHTTP(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		cleo := member(t, s, ana, "cleo", directory.SuperAdmin)
		lost := ana.Pair(phonesim.Options{})
		made := want(t, ana.Do("POST", "/v1/recovery/codes", map[string]string{}), http.StatusCreated, "")
		if made.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("the codes may be kept: %q", made.Header.Get("Cache-Control"))
		}
		code := made.JSON["codes"].([]any)[0].(string)
		want(t, ana.Do("POST", "/v1/recovery/codes", map[string]string{}), http.StatusForbidden, "confirmation_required")
		wrong := want(t, ana.Do("POST", "/v1/recovery/codes/use", map[string]string{"code": "AAAAA-AAAAA"}), http.StatusUnprocessableEntity, "wrong_recovery_code")
		if wrong.JSON["tries_left"] != float64(9) {
			t.Errorf("%s", wrong.Body)
		}
		used := want(t, ana.Do("POST", "/v1/recovery/codes/use", map[string]string{"code": strings.ToLower(code)}), http.StatusOK, "")
		if used.JSON["left"] != float64(9) || used.Text("pair_until") == "" {
			t.Errorf("%s", used.Body)
		}
		if _, err := lost.Me(s.Ctx); !phonesim.HasCode(err, 401, "unauthorized") {
			t.Errorf("the lost phone: %v", err)
		}
		want(t, ana.Do("POST", "/v1/confirmations", map[string]string{"action": "scim.token.reveal"}), http.StatusConflict, "no_device")
		found := ana.Pair(phonesim.Options{Name: "New phone"})
		want(t, ana.Do("POST", "/v1/recovery/codes/use", map[string]string{"code": code}), http.StatusUnprocessableEntity, "wrong_recovery_code")
		if got := kinds(cleo); !slices.Contains(got, "recovery.code_used") || !slices.Contains(got, "recovery.done") {
			t.Errorf("the other admin was told %v", got)
		}
		id, _ := confirmedOn(t, s, ana, found, "recovery.codes", "")
		want(t, ana.Do("POST", "/v1/recovery/codes", map[string]string{"confirmation_id": id}), http.StatusCreated, "")
		if r := ana.Do("GET", "/v1/recovery", nil); r.JSON["codes"].(map[string]any)["left"] != float64(10) || r.JSON["pair_until"] != nil {
			t.Errorf("%s", r.Body)
		}
	})
}

// Journey J6 B.
func TestRecoveryByColleagueOverHTTP(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		ben, cleo := member(t, s, ana, "ben", directory.Admin), member(t, s, ana, "cleo", directory.SuperAdmin)
		lost, cleos := ben.Pair(phonesim.Options{}), cleo.Pair(phonesim.Options{})
		want(t, ben.Do("POST", "/v1/recovery/requests", map[string]string{"approver_id": me(ana)}), http.StatusConflict, "not_an_approver")
		want(t, ben.Do("POST", "/v1/recovery/requests", map[string]string{"approver_id": "no such"}), http.StatusConflict, "not_an_approver")
		asked := want(t, ben.Do("POST", "/v1/recovery/requests", map[string]string{"approver_id": me(cleo), "note": "Train"}), http.StatusCreated, "")
		path := "/v1/recovery/requests/" + asked.Text("id")
		waiting := want(t, cleo.Do("GET", "/v1/recovery/requests", nil), http.StatusOK, "").JSON["items"].([]any)
		if len(waiting) != 1 || len(waiting[0].(map[string]any)["choices"].([]any)) != 3 || waiting[0].(map[string]any)["words"] != nil {
			t.Fatalf("Cleo sees %v", waiting)
		}
		want(t, ana.Do("GET", path, nil), http.StatusNotFound, "not_found")
		want(t, ben.Do("POST", path+"/approve", map[string]string{}), http.StatusNotFound, "not_found")
		want(t, cleo.Do("POST", path+"/cancel", map[string]string{}), http.StatusNotFound, "not_found")
		want(t, cleo.Do("POST", path+"/compare", map[string]string{}), http.StatusBadRequest, "malformed")
		want(t, cleo.Do("POST", "/v1/confirmations", map[string]string{"action": "recovery.approve", "resource": "recovery:" + asked.Text("id")}), http.StatusConflict, "compare_first")
		want(t, cleo.Do("POST", path+"/compare", map[string]string{"words": asked.Text("words")}), http.StatusOK, "")
		want(t, cleo.Do("POST", path+"/approve", map[string]string{}), http.StatusForbidden, "confirmation_required")
		id, shown := confirmedOn(t, s, cleo, cleos, "recovery.approve", "recovery:"+asked.Text("id"))
		if !strings.Contains(shown, asked.Text("words")) || !strings.Contains(shown, "ben") {
			t.Errorf("Cleo's phone shows %q", shown)
		}
		want(t, cleo.Do("POST", path+"/approve", map[string]string{"confirmation_id": id}), http.StatusOK, "")
		want(t, cleo.Do("POST", path+"/decline", map[string]string{}), http.StatusConflict, "request_ended")
		if _, err := lost.Me(s.Ctx); !phonesim.HasCode(err, 401, "unauthorized") {
			t.Errorf("the lost phone: %v", err)
		}
		if r := ben.Do("GET", "/v1/recovery", nil); r.Text("pair_until") == "" {
			t.Errorf("%s", r.Body)
		}
		ben.Pair(phonesim.Options{Name: "New phone"})
	})
}

func TestNoticesAreTheirPersonsAlone(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		cleo := member(t, s, ana, "cleo", directory.SuperAdmin)
		phone := ana.Pair(phonesim.Options{})
		list := ana.Do("GET", "/v1/notices", nil)
		if list.JSON["unseen"] != float64(1) {
			t.Fatalf("%s", list.Body)
		}
		id := list.JSON["items"].([]any)[0].(map[string]any)["id"].(string)
		want(t, cleo.Do("POST", "/v1/notices/"+id+"/seen", map[string]string{}), http.StatusNotFound, "not_found")
		for range 2 {
			want(t, ana.Do("POST", "/v1/notices/"+id+"/seen", map[string]string{}), http.StatusNoContent, "")
		}
		if r := ana.Do("GET", "/v1/notices", nil); r.JSON["unseen"] != float64(0) {
			t.Errorf("%s", r.Body)
		}
		if err := phone.Remove(s.Ctx); err != nil {
			t.Fatal(err)
		}
		if got := kinds(ana); !slices.Equal(got, []string{"device.removed", "device.added"}) {
			t.Errorf("after the phone removed itself: %v", got)
		}
	})
}

func TestAPhoneIsRenamedByItsPersonAlone(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		cleo := member(t, s, ana, "cleo", directory.SuperAdmin)
		path := "/v1/devices/" + ana.Pair(phonesim.Options{}).Identity().Device
		want(t, cleo.Do("PATCH", path, map[string]string{"name": "Mine"}), http.StatusNotFound, "not_found")
		want(t, ana.Do("PATCH", path, map[string]string{"name": " \u202e "}), http.StatusBadRequest, "malformed")
		if r := want(t, ana.Do("PATCH", path, map[string]string{"name": "Work phone"}), http.StatusOK, ""); r.Text("name") != "Work phone" {
			t.Errorf("%s", r.Body)
		}
	})
}

// A phone that is still there learns at the next look that somebody asks for a recovery, or added another phone.
func TestAPhoneIsToldWhatConcernsItsPerson(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		ben, cleo := member(t, s, ana, "ben", directory.Admin), member(t, s, ana, "cleo", directory.SuperAdmin)
		phone := ben.Pair(phonesim.Options{})
		cleo.Pair(phonesim.Options{})
		want(t, ben.Do("POST", "/v1/recovery/requests", map[string]string{"approver_id": me(cleo)}), http.StatusCreated, "")
		person, workspace := me(ben), ben.Do("GET", "/v1/session", nil).JSON["workspace"].(map[string]any)["id"].(string)
		s.InTx(func(tx database.Tx) error {
			now, err := tx.Now()
			if err != nil {
				return err
			}
			for i, kind := range []string{"removal.held", "token.viewed", "ownership.frozen", "token.expiring"} { // the second is for the console alone
				if err := notice.Tell(tx, workspace, []string{person}, kind, nil, now.Add(time.Duration(i+1)*time.Second)); err != nil {
					return err
				}
			}
			return nil
		})
		reply, err := phone.Do(s.Ctx, "GET", "/v1/device/notices", nil)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Items []struct{ Kind string } `json:"items"`
		}
		if err := reply.JSON(&got); err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for _, one := range got.Items {
			kinds = append(kinds, one.Kind)
		}
		if want := []string{"token.expiring", "ownership.frozen", "removal.held", "recovery.asked", "device.added"}; !slices.Equal(kinds, want) {
			t.Errorf("told %v, want %v", kinds, want)
		}
	})
}
