package chaos_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/fakepush"
	"github.com/countersign/countersign/internal/phonesim"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/push/fcm"
)

// stage is a service of one or several replicas between wires that can fail, with a person who has two phones.
type stage struct {
	t      *testing.T
	wires  map[string]*wire
	names  []string // of the wires, in a fixed order
	worlds []*apitest.World
	sites  []*apitest.Site
	fronts []string         // where browsers and phones reach each replica
	ana    *apitest.Browser // at the first
	tabs   []*apitest.Browser
	phones []*phonesim.Phone
	truth  *database.DB // the database without anything in between
}

// newStage sets up replicas on one database; on SQLite there is one.
func newStage(t *testing.T, dialect string, replicas int) *stage {
	t.Helper()
	s := &stage{t: t, wires: map[string]*wire{}}
	address := dbtest.URL(t, dialect)
	s.truth = dbtest.Open(t, address)
	sender := s.pushing()
	vault := apitest.Vault(t)
	clock := &apitest.Clock{}
	for i := range replicas {
		setup := apitest.Setup{URL: address, Sender: sender, Vault: vault, Clock: clock}
		if dialect == database.Postgres {
			setup.URL = s.through("database "+string(rune('a'+i)), address)
			setup.Listen = s.through("listen "+string(rune('a'+i)), address)
		}
		w := apitest.Make(t, setup)
		s.worlds = append(s.worlds, w)
		site := w.Serve()
		s.sites = append(s.sites, site)
		s.fronts = append(s.fronts, s.through("front "+string(rune('a'+i)), site.Server.URL))
	}
	s.ana = s.sites[0].Owner("acme")
	first := s.ana.Pair(phonesim.Options{Platform: "android", Name: "Pixel of Ana", Push: &phonesim.Push{Kind: "fcm", Token: "registration-of-ana"}})
	s.phones = []*phonesim.Phone{first, s.second(first)}
	for _, front := range s.fronts {
		s.tabs = append(s.tabs, s.ana.Via(front))
	}
	return s
}

// through puts a wire in front of an address.
func (s *stage) through(name, address string) string {
	s.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		s.t.Fatal(err)
	}
	w := newWire(s.t, name, u.Host)
	s.wires[name], s.names = w, append(s.names, name)
	u.Host = w.addr
	return u.String()
}

// pushing is the production sender of FCM with a wire between it and the stand-in.
func (s *stage) pushing() push.Sender {
	s.t.Helper()
	fake, err := fakepush.New(fakepush.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = fake.Close() })
	sender, err := fcm.New(s.t.Context(), fcm.Config{CredentialsJSON: fake.FCMCredentials(), Endpoint: s.through("push", fake.FCMEndpoint()), RootCAs: fake.Pool()})
	if err != nil {
		s.t.Fatal(err)
	}
	return push.Mux{push.FCM: sender}
}

// second pairs another phone, with a confirmation on the first.
func (s *stage) second(first *phonesim.Phone) *phonesim.Phone {
	s.t.Helper()
	asked := s.ana.Do("POST", "/v1/confirmations", map[string]string{"action": "device.add"})
	if asked.Status != http.StatusCreated {
		s.t.Fatalf("device.add: %d %s", asked.Status, asked.Body)
	}
	if _, err := first.Approve(s.t.Context(), asked.Text("id"), phonesim.ApproveOptions{Code: asked.Text("code")}); err != nil {
		s.t.Fatal(err)
	}
	return s.ana.PairMore(asked.Text("id"), phonesim.Options{Name: "iPad of Ana"})
}

// advance moves the clock of all replicas.
func (s *stage) advance(d time.Duration) { s.worlds[0].Offset.Advance(d) }
