package chaos_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"

	"github.com/countersign/countersign/internal/database"
)

// forgetToxic swallows what is sent while it is there and closes nothing, then or later: a firewall that forgot the connection. Who waits for
// an answer to what was swallowed waits for ever.
type forgetToxic struct{}

// Pipe is toxics.Toxic.
func (*forgetToxic) Pipe(stub *toxics.ToxicStub) {
	for {
		select {
		case <-stub.Interrupt:
			return
		case c := <-stub.Input:
			if c == nil {
				stub.Close()
				return
			}
		}
	}
}

func init() { //nolint:gochecknoinits // toxiproxy knows toxics by a global register
	toxics.Register("forget", new(forgetToxic))
}

// TestAForgottenConnectionStopsNeitherThePollNorThePushes: the loops beside the requests were in the middle of a statement on a connection
// that nobody will ever answer on.
func TestAForgottenConnectionStopsNeitherThePollNorThePushes(t *testing.T) {
	t.Parallel()
	s := newStage(t, database.Postgres, 1)
	id := s.ana.Ask().Text("id")
	wires := []string{"database a", "listen a"}
	for _, name := range wires {
		s.wires[name].poison("forget", "upstream", nil)
	}
	<-time.After(4 * time.Second) // every loop has sent something into the void
	for _, name := range wires {
		s.wires[name].cure("forget", "upstream")
	}
	s.advance(6 * time.Minute)
	began := time.Now()
	for row := (&schedule{stage: s, ctx: t.Context(), id: id}); row.row().State != "expired"; {
		if time.Since(began) > time.Minute {
			t.Fatal("nobody writes down what time has ended")
		}
		<-time.After(50 * time.Millisecond)
	}
	t.Logf("the sweeper was back after %v", time.Since(began).Round(time.Millisecond))
	s.advance(11 * time.Minute)
	asked := s.ana.Do("POST", "/v1/confirmations", map[string]string{"action": "scim.token.reveal"})
	if asked.Status != http.StatusCreated {
		t.Fatalf("asked: %d %s", asked.Status, asked.Body)
	}
	c := &schedule{stage: s, ctx: t.Context(), id: asked.Text("id")}
	for c.count("SELECT count(*) FROM challenges WHERE confirmation_id = ? AND delivery = 'sent'", c.id) == 0 {
		if time.Since(began) > 2*time.Minute {
			t.Fatal("nobody pushes any more")
		}
		<-time.After(50 * time.Millisecond)
	}
}
