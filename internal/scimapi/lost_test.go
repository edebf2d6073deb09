package scimapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/provisioning"
)

func TestALostDatabaseIsAnswered503(t *testing.T) {
	onBoth(t, func(t *testing.T, p *provider) {
		id := p.send("POST", "/Users", `{"userName":"ana@acme.test"}`).at(t, "$.id").(string)
		if err := p.db.Close(); err != nil {
			t.Fatal(err)
		}
		for _, c := range [][3]string{{"POST", "/Users", `{"userName":"ben@acme.test"}`}, {"GET", "/Users/" + id, ""}, {"GET", "/Users", ""},
			{"PATCH", "/Users/" + id, `{"Operations":[{"op":"replace","path":"title","value":"x"}]}`}, {"DELETE", "/Users/" + id, ""},
			{"POST", "/Groups", `{"displayName":"Marketing"}`}} {
			r := p.send(c[0], c[1], c[2])
			if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") != "5" || r.at(t, "$.status") != "503" {
				t.Errorf("%s %s: %d, Retry-After %q, %s", c[0], c[1], r.status, r.header.Get("Retry-After"), r.body)
			}
		}
		r := p.send("POST", "/Bulk", `{"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"cleo@acme.test"}}]}`)
		if r.at(t, "$.Operations[0].status") != "503" {
			t.Errorf("in a bulk call: %d %s", r.status, r.body)
		}
	})
}

// A connection that is cut while a call waits for a lock: nothing is changed, the call is answered 503, and the row says so.
func TestAConnectionCutInTheMiddleIsAnswered503(t *testing.T) {
	url := dbtest.URL(t, database.Postgres) + "&application_name=cut"
	db := dbtest.Open(t, url)
	other := dbtest.Open(t, strings.Replace(url, "application_name=cut", "application_name=knife", 1))
	p := newProvider(t, db, 0)
	held, free := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- other.InTx(context.Background(), func(tx database.Tx) error {
			err := tx.Exec(`INSERT INTO people (id, workspace_id, source, role, user_name, user_name_key, name, created_at, updated_at)
				VALUES ('ppl_held', ?, 'directory', 'user', 'ana@acme.test', 'ana@acme.test', 'Held', ?, ?)`, p.workspace, time.Now(), time.Now()).Error
			if err != nil {
				return err
			}
			close(held)
			<-free
			return context.Canceled
		})
	}()
	<-held
	answered := make(chan answer, 1)
	go func() { answered <- p.send("POST", "/Users", `{"userName":"ana@acme.test"}`) }()
	var r answer
	p.until(func() bool { // a call may try again on another connection: that is cut too
		err := other.Read(t.Context()).Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cut' AND wait_event_type = 'Lock'").Error
		select {
		case r = <-answered:
			return true
		default:
			return err != nil
		}
	})
	close(free)
	<-done
	if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if n := p.count("SELECT COUNT(*) FROM people"); n != 0 {
		t.Errorf("%d people", n)
	}
	rows := p.rows()
	if len(rows) != 1 || rows[0].Result != provisioning.Failed || rows[0].Status != http.StatusServiceUnavailable || rows[0].Code != "DS-1004" {
		t.Errorf("rows %+v", rows)
	}
}
