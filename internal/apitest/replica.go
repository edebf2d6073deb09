package apitest

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/hub"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/vault"
)

// Setup is what differs between worlds.
type Setup struct {
	URL    string                          // the database as this world reaches it, perhaps through something that breaks
	Listen string                          // where it hears of other replicas; empty: it hears of itself alone
	Wrap   func(hub.Bus, *hub.Hub) hub.Bus // what happens to hints on their way; nil: nothing
	Sender push.Sender                     // nil sends pushes nowhere
	Vault  *vault.Vault                    // nil: a keyset of its own
	Clock  *Clock                          // nil: a clock of its own
	Edit   func(*assembly.Deps)            // the last word; nil: none
}

// cheap is the memory of a password's hash in a test, in KiB; the real one would be most of what the tests do.
const cheap = 64

// Make is a world as setup says.
func Make(t testing.TB, setup Setup) *World {
	t.Helper()
	if setup.Clock == nil {
		setup.Clock = &Clock{}
	}
	if setup.Vault == nil {
		setup.Vault = Vault(t)
	}
	if setup.Sender == nil {
		setup.Sender = push.Mux{}
	}
	c := setup.Clock
	deps := assembly.Deps{DB: dbtest.Open(t, setup.URL, database.WithMovedClock(c.moved)), Vault: setup.Vault, Log: slog.New(slog.DiscardHandler),
		PublicURL: PublicURL, CompanionURL: "http://localhost:8081", HashMemory: cheap, Push: setup.Sender, ListenURL: setup.Listen, Wrap: setup.Wrap,
		Now: func() time.Time { return c.moved(time.Now()) }}
	if setup.Edit != nil {
		setup.Edit(&deps)
	}
	w := &World{T: t, Offset: c, Ctx: t.Context(), Log: deps.Log, setup: setup}
	var err error
	if w.Domains, err = assembly.New(deps); err != nil {
		t.Fatal(err)
	}
	return w
}

// Replica is another process on the same database: the same keyset, senders and clock, and what edit changes; nil changes nothing.
func (w *World) Replica(edit func(*Setup)) *World {
	w.T.Helper()
	s := w.setup
	if edit != nil {
		edit(&s)
	}
	return Make(w.T, s)
}

// Via is the same browser, cookies and all, at another replica.
func (b *Browser) Via(base string) *Browser {
	return &Browser{t: b.t, base: base, origin: b.origin, http: &http.Client{Jar: b.http.Jar, Transport: b.http.Transport}}
}
