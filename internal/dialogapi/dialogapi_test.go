package dialogapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/phonesim"
)

type frame struct {
	T            string         `json:"t"`
	Confirmation map[string]any `json:"confirmation"`
}

func next(t *testing.T, c *websocket.Conn) frame {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var f frame
	if err := c.ReadJSON(&f); err != nil {
		t.Fatal(err)
	}
	return f
}

// until reads frames until the state is the wanted one.
func until(t *testing.T, c *websocket.Conn, state string) frame {
	t.Helper()
	for {
		if f := next(t, c); f.Confirmation["state"] == state {
			return f
		}
	}
}

func closedWith(t *testing.T, c *websocket.Conn, code int) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for {
		_, _, err := c.ReadMessage()
		var end *websocket.CloseError
		if errors.As(err, &end) {
			if end.Code != code {
				t.Errorf("closed with %d, want %d", end.Code, code)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheDialogHearsTheTapAndCollectsTheToken(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		phone := ana.Pair(phonesim.Options{})
		asked := ana.Ask()
		id := asked.Text("id")
		if asked.Status != http.StatusCreated || asked.Text("mode") != "tap" || asked.Text("state") != "pending" {
			t.Fatalf("asked: %s", asked.Body)
		}
		dialog, _, err := ana.Dial(id, nil)
		if err != nil {
			t.Fatal(err)
		}
		if f := next(t, dialog); f.T != "snapshot" || f.Confirmation["state"] != "pending" || f.Confirmation["code"] != nil {
			t.Fatalf("first frame: %+v", f)
		}
		if _, err := phone.Open(s.Ctx, id); err != nil {
			t.Fatal(err)
		}
		if err := phone.Opened(s.Ctx, id); err != nil {
			t.Fatal(err)
		}
		for delivery := ""; delivery != "opened"; {
			devices, _ := next(t, dialog).Confirmation["devices"].([]any)
			delivery, _ = devices[0].(map[string]any)["delivery"].(string)
		}
		if state, err := phone.Approve(s.Ctx, id, phonesim.ApproveOptions{}); err != nil || state != "approved" {
			t.Fatalf("%s, %v", state, err)
		}
		if f := until(t, dialog, "approved"); f.Confirmation["collect_until"] == nil {
			t.Error("the frame does not say until when to collect")
		}
		r := ana.Do("POST", "/v1/confirmations/"+id+"/reveal", map[string]string{})
		if r.Status != http.StatusOK || !strings.HasPrefix(r.Text("token"), "cs_scim_") || r.Header.Get("Cache-Control") != "no-store" ||
			r.Text("tenant_url") != apitest.PublicURL+"/v1/scim/v2" || !strings.HasSuffix(r.Text("token"), r.Text("hint")) {
			t.Fatalf("reveal: %d %v", r.Status, r.Header)
		}
		until(t, dialog, "consumed")
		closedWith(t, dialog, websocket.CloseNormalClosure)
		if r := ana.Do("POST", "/v1/confirmations/"+id+"/reveal", nil); r.Status != http.StatusUnsupportedMediaType {
			t.Errorf("without a content type: %d", r.Status)
		}
		if r := ana.Do("POST", "/v1/confirmations/"+id+"/reveal", map[string]string{}); r.Status != http.StatusConflict || r.Code() != "already_collected" {
			t.Errorf("again: %d %s", r.Status, r.Body)
		}
		for _, event := range []string{"shown", "copied", "closed"} {
			if r := ana.Do("POST", "/v1/confirmations/"+id+"/events", map[string]string{"event": event}); r.Status != http.StatusNoContent {
				t.Errorf("%s: %d", event, r.Status)
			}
		}
	})
}

func TestAnotherSessionOfTheSamePersonFindsNothing(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		phone := ana.Pair(phonesim.Options{})
		id := ana.Ask().Text("id")
		if _, err := phone.Approve(s.Ctx, id, phonesim.ApproveOptions{}); err != nil {
			t.Fatal(err)
		}
		other := s.Browser()
		other.SignIn("acme", "ana@acme.test")
		for _, call := range [][2]string{{"GET", ""}, {"POST", "/cancel"}, {"POST", "/resend"}, {"POST", "/reveal"}} {
			var body any
			if call[0] == "POST" {
				body = map[string]string{}
			}
			if r := other.Do(call[0], "/v1/confirmations/"+id+call[1], body); r.Status != http.StatusNotFound || r.Code() != "not_found" {
				t.Errorf("%s %s: %d %s", call[0], call[1], r.Status, r.Body)
			}
		}
		if _, res, err := other.Dial(id, nil); err == nil || res.StatusCode != http.StatusNotFound {
			t.Errorf("websocket: %v", err)
		}
		ana.SignIn("acme", "ana@acme.test") // the session's id is another one now
		if r := ana.Do("POST", "/v1/confirmations/"+id+"/reveal", map[string]string{}); r.Status != http.StatusNotFound {
			t.Errorf("after signing in again: %d %s", r.Status, r.Body)
		}
	})
}

// A-4, cross-site websocket hijacking: one Origin alone opens a dialog, with the subprotocol, for the session's own confirmation.
func TestA04_OneOriginAloneOpensADialog(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		ana.Pair(phonesim.Options{})
		id := ana.Ask().Text("id")
		for name, tc := range map[string]struct {
			edit func(http.Header)
			want int
		}{
			"no origin":             {func(h http.Header) { h.Del("Origin") }, 403},
			"a null origin":         {func(h http.Header) { h.Set("Origin", "null") }, 403},
			"https for http":        {func(h http.Header) { h.Set("Origin", "https://localhost:8080") }, 403},
			"another port":          {func(h http.Header) { h.Set("Origin", "http://localhost:8081") }, 403},
			"a subdomain":           {func(h http.Header) { h.Set("Origin", "http://a.localhost:8080") }, 403},
			"a suffix":              {func(h http.Header) { h.Set("Origin", "http://localhost:8080.evil.test") }, 403},
			"other letters":         {func(h http.Header) { h.Set("Origin", "http://LOCALHOST:8080") }, 403},
			"no subprotocol":        {func(h http.Header) { h.Del("Sec-WebSocket-Protocol") }, 400},
			"another subprotocol":   {func(h http.Header) { h.Set("Sec-WebSocket-Protocol", "countersign.v2") }, 400},
			"no cookie":             {func(h http.Header) { h.Del("Cookie") }, 404},
			"somebody's old cookie": {func(h http.Header) { h.Set("Cookie", "countersign=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA") }, 404},
		} {
			c, res, err := ana.Dial(id, tc.edit)
			if err == nil {
				_ = c.Close()
				t.Errorf("%s: upgraded", name)
			} else if res.StatusCode != tc.want {
				t.Errorf("%s: %d, want %d", name, res.StatusCode, tc.want)
			}
		}
		if _, res, err := ana.Dial("cnf_unknown", nil); err == nil || res.StatusCode != http.StatusNotFound {
			t.Errorf("unknown: %v", err)
		}
		c, res, err := ana.Dial(id, nil)
		if err != nil || res.Header.Get("Sec-WebSocket-Extensions") != "" {
			t.Fatalf("compression: %q, %v", res.Header.Get("Sec-WebSocket-Extensions"), err)
		}
		if err := c.WriteMessage(websocket.TextMessage, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		closedWith(t, c, websocket.ClosePolicyViolation)
	})
}

func TestAFourthDialogReplacesTheOldest(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		ana.Pair(phonesim.Options{})
		id := ana.Ask().Text("id")
		var open []*websocket.Conn
		for range 4 {
			c, _, err := ana.Dial(id, nil)
			if err != nil {
				t.Fatal(err)
			}
			next(t, c)
			open = append(open, c)
		}
		closedWith(t, open[0], 4409)
		if r := ana.Do("POST", "/v1/confirmations/"+id+"/cancel", map[string]string{}); r.Status != http.StatusOK || r.Text("state") != "cancelled" {
			t.Fatalf("cancel: %s", r.Body)
		}
		for _, c := range open[1:] {
			until(t, c, "cancelled")
		}
	})
}

func TestASocketEndsWithItsSession(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		phone := ana.Pair(phonesim.Options{})
		waiting := func(b *apitest.Browser) (string, *websocket.Conn) {
			id := b.Ask().Text("id")
			c, _, err := b.Dial(id, nil)
			if err != nil {
				t.Fatal(err)
			}
			next(t, c)
			return id, c
		}

		cleo := colleague(t, s, ana, "cleo", "admin")
		cleo.Pair(phonesim.Options{})
		_, c := waiting(cleo)
		person, _ := cleo.Do("GET", "/v1/session", nil).JSON["person"].(map[string]any)
		if r := ana.Do("PATCH", "/v1/people/"+person["id"].(string), object{"role": "user"}); r.Status != http.StatusOK {
			t.Fatalf("the role: %d %s", r.Status, r.Body)
		}
		if f := until(t, c, "cancelled"); f.Confirmation["reason"] != "role_lost" {
			t.Errorf("without the role: %v", f.Confirmation["reason"])
		}
		closedWith(t, c, 4401)

		_, c = waiting(ana)
		if r := ana.Do("DELETE", "/v1/session", nil); r.Status != http.StatusNoContent {
			t.Fatalf("signing out: %d %s", r.Status, r.Body)
		}
		if f := until(t, c, "cancelled"); f.Confirmation["reason"] != "signed_out" {
			t.Errorf("signed out: %v", f.Confirmation["reason"])
		}
		closedWith(t, c, 4401)

		// A session that is over by time alone has cancelled nothing. The next news is the last that its socket brings.
		ana.SignIn("acme", "ana@acme.test")
		hour := object{"idle_seconds": 3600, "life_seconds": 3600}
		hour["confirmation_id"] = confirmed(t, s, ana, phone, object{"action": "session.limits", "params": object{"idle_seconds": 3600, "life_seconds": 3600}})
		if r := ana.Do("PUT", "/v1/session-limits", hour); r.Status != http.StatusOK {
			t.Fatalf("an hour: %d %s", r.Status, r.Body)
		}
		s.Offset.Advance(58 * time.Minute)
		id, c := waiting(ana)
		s.Offset.Advance(3 * time.Minute)
		if _, err := phone.Open(s.Ctx, id); err != nil {
			t.Fatal(err)
		}
		until(t, c, "pending")
		closedWith(t, c, 4401)
	})
}

func TestARowThatCannotBeReadOnceIsReadAgain(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			var failing atomic.Int64
			s := apitest.With(t, dbtest.URL(t, dialect), func(d *assembly.Deps) {
				err := d.DB.Read(t.Context()).Callback().Row().Before("gorm:row").Register("test:fail", func(g *gorm.DB) {
					if g.Statement.Context.Value(http.ServerContextKey) == nil && strings.Contains(g.Statement.SQL.String(), "AS device_name") && failing.Add(-1) >= 0 {
						_ = g.AddError(context.DeadlineExceeded)
					}
				})
				if err != nil {
					t.Fatal(err)
				}
			}).Serve()
			ana := s.Owner("acme")
			ana.Pair(phonesim.Options{})
			id := ana.Ask().Text("id")
			failing.Store(1)
			c, _, err := ana.Dial(id, nil)
			if err != nil {
				t.Fatal(err)
			}
			until(t, c, "pending")
			if failing.Load() > 0 {
				t.Error("every look came off")
			}
			failing.Store(2)
			s.Hub.Publish(confirm.Topic(id), 0)
			closedWith(t, c, websocket.CloseInternalServerErr)
		})
	}
}

func TestTheDialogHearsTheDeadline(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		ana.Pair(phonesim.Options{})
		id := ana.Ask().Text("id")
		c, _, err := ana.Dial(id, nil)
		if err != nil {
			t.Fatal(err)
		}
		next(t, c)
		s.Offset.Advance(5 * time.Minute)
		until(t, c, "expired")
		closedWith(t, c, websocket.CloseNormalClosure)

		// A row that is gone without a word, as after a restore, is missed by the safety poll.
		id = ana.Ask().Text("id")
		if c, _, err = ana.Dial(id, nil); err != nil {
			t.Fatal(err)
		}
		next(t, c)
		s.InTx(func(tx database.Tx) error {
			return errors.Join(tx.Exec("DELETE FROM challenges WHERE confirmation_id = ?", id).Error, tx.Exec("DELETE FROM confirmations WHERE id = ?", id).Error)
		})
		closedWith(t, c, 4404)
	})
}

func TestPollingWaitsForTheNextVersion(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		phone := ana.Pair(phonesim.Options{})
		id := ana.Ask().Text("id")
		got := make(chan apitest.Reply, 1)
		go func() { got <- ana.Do("GET", "/v1/confirmations/"+id+"?wait=25&since_version=1", nil) }()
		if _, err := phone.Deny(s.Ctx, id, ""); err != nil {
			t.Fatal(err)
		}
		// The phone pulls before it answers, so the first news may be that.
		r := <-got
		for r.Text("state") == "pending" {
			v, _ := r.JSON["version"].(float64)
			r = ana.Do("GET", "/v1/confirmations/"+id+"?wait=25&since_version="+jsonNumber(v), nil)
		}
		decided, _ := r.JSON["decided_by"].(map[string]any)
		if r.Text("state") != "denied" || r.Text("reason") != "denied" || decided["device"] != "iPhone of Ana" {
			t.Errorf("%s", r.Body)
		}
	})
}

func jsonNumber(v float64) string { b, _ := json.Marshal(v); return string(b) }
