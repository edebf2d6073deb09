package apitest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/phonesim"
)

// Who a route lets in.
const (
	anyone  = "anyone" // proves nothing, or proves itself by the secret in the body
	session = "session"
	phone   = "phone"
)

// matrix is every route of the JSON doors: who may call it, and which of its objects belongs to a workspace. A new route without a line here
// fails the test (security.md §6).
var matrix = map[string]struct{ auth, object string }{
	"GET /v1/setup":                             {anyone, ""},
	"POST /v1/setup":                            {anyone, ""},
	"GET /v1/workspaces/:slug":                  {anyone, ""},
	"POST /v1/session":                          {anyone, ""},
	"POST /v1/session/password":                 {anyone, ""},
	"DELETE /v1/session":                        {anyone, ""}, // signing out when nobody is signed in changes nothing
	"GET /v1/session":                           {session, ""},
	"POST /v1/session/verify":                   {session, ""},
	"POST /v1/session/recover":                  {session, ""},
	"GET /v1/directory":                         {session, ""},
	"GET /v1/people":                            {session, ""},
	"POST /v1/people":                           {session, ""},
	"GET /v1/people/:id":                        {session, "person"},
	"PATCH /v1/people/:id":                      {session, "person"},
	"POST /v1/people/:id/password-link":         {session, "person"},
	"GET /v1/teams":                             {session, ""},
	"POST /v1/pairings":                         {session, ""},
	"GET /v1/pairings/:id":                      {session, "pairing"},
	"POST /v1/pairings/:id/match":               {session, "pairing"},
	"GET /v1/devices":                           {session, ""},
	"DELETE /v1/devices/:id":                    {session, "device"},
	"POST /v1/confirmations":                    {session, ""},
	"GET /v1/confirmations/:id":                 {session, "confirmation"},
	"GET /v1/confirmations/:id/ws":              {session, "confirmation"},
	"POST /v1/confirmations/:id/cancel":         {session, "confirmation"},
	"POST /v1/confirmations/:id/resend":         {session, "confirmation"},
	"POST /v1/confirmations/:id/reveal":         {session, "confirmation"},
	"POST /v1/confirmations/:id/events":         {session, "confirmation"},
	"POST /v1/device/pairings/resolve":          {anyone, ""},
	"POST /v1/device/pairings/:id/claim":        {anyone, ""},
	"GET /v1/device/pairings/:id":               {phone, "pairing"},
	"GET /v1/device/confirmations":              {phone, ""},
	"GET /v1/device/confirmations/:id":          {phone, "confirmation"},
	"POST /v1/device/confirmations/:id/opened":  {phone, "confirmation"},
	"POST /v1/device/confirmations/:id/respond": {phone, "confirmation"},
	"GET /v1/device":                            {phone, ""},
	"DELETE /v1/device":                         {phone, ""},
	"GET /v1/device/push":                       {phone, ""},
	"PUT /v1/device/push":                       {phone, ""},
}

// bodies make a call on a foreign object valid in every other respect.
var bodies = map[string]any{
	"PATCH /v1/people/:id":                      map[string]bool{"active": false},
	"POST /v1/pairings/:id/match":               map[string]bool{"match": true},
	"DELETE /v1/devices/:id":                    map[string]string{"confirmation_id": "cnf_x"},
	"POST /v1/confirmations/:id/events":         map[string]string{"event": "shown"},
	"POST /v1/device/confirmations/:id/respond": map[string]string{"response": "e30", "sig": "AA"},
}

func TestEveryRouteHasItsLineInTheMatrix(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		mounted := map[string]bool{}
		for _, r := range s.Routes {
			name := r.Method + " " + r.Path
			mounted[name] = true
			if matrix[name].auth == "" {
				t.Errorf("%s has no line in the matrix", name)
			}
		}
		for name := range matrix {
			if !mounted[name] {
				t.Errorf("%s stands in the matrix and is not mounted", name)
			}
		}
	})
}

func TestNobodyGetsInWithoutProofAndNothingForeignExists(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana, eve := s.Owner("acme"), s.Owner("evil")
		anasPhone, evesPhone := ana.Pair(phonesim.Options{}), eve.Pair(phonesim.Options{})
		me := ana.Do("GET", "/v1/session", nil)
		objects := map[string]string{"confirmation": ana.Ask().Text("id"), "pairing": anasPhone.Identity().Pairing, "device": anasPhone.Identity().Device,
			"person": me.JSON["person"].(map[string]any)["id"].(string)}
		for name, route := range matrix {
			method, pattern, _ := strings.Cut(name, " ")
			path := strings.NewReplacer(":id", objects[route.object], ":slug", "acme").Replace(pattern)
			body := bodies[name]
			if body == nil && method != http.MethodGet && method != http.MethodDelete {
				body = map[string]string{}
			}
			if strings.HasSuffix(path, "/ws") {
				continue // the websocket has its own table in internal/dialogapi
			}
			switch route.auth {
			case session:
				if r := s.Browser().Do(method, path, body); r.Status != http.StatusUnauthorized || r.Code() != "unauthorized" {
					t.Errorf("%s without a session: %d %s", name, r.Status, r.Body)
				}
				if route.object == "" {
					continue
				}
				if r := eve.Do(method, path, body); r.Status != http.StatusNotFound || r.Code() != "not_found" {
					t.Errorf("%s on another workspace's %s: %d %s", name, route.object, r.Status, r.Body)
				}
			case phone:
				_, err := evesPhone.Do(s.Ctx, method, path, nil, phonesim.WithoutSignature())
				if !phonesim.HasCode(err, 401, "unauthorized") {
					t.Errorf("%s without a signature: %v", name, err)
				}
				if route.object == "" {
					continue
				}
				if _, err := evesPhone.Do(s.Ctx, method, path, marshal(t, body)); !phonesim.HasCode(err, 404, "not_found") {
					t.Errorf("%s on another workspace's %s: %v", name, route.object, err)
				}
			}
		}
		if r := ana.Do("GET", "/v1/confirmations/"+objects["confirmation"], nil); r.Text("state") != "pending" {
			t.Errorf("the confirmation is %s", r.Text("state"))
		}
	})
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	if v == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
