package scimapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/workspace"
)

// rows are the provider's log, oldest first, everything written.
func (p *provider) rows() []provisioning.Row {
	p.t.Helper()
	if err := p.log.Flush(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	page, err := p.log.List(p.db.Read(p.t.Context()), provisioning.Query{Workspace: p.workspace, Limit: provisioning.PageMost})
	if err != nil {
		p.t.Fatal(err)
	}
	slices.Reverse(page.Rows)
	return page.Rows
}

func (p *provider) detail(id string) provisioning.Detail {
	p.t.Helper()
	d, err := p.log.Show(p.db.Read(p.t.Context()), p.workspace, id)
	if err != nil {
		p.t.Fatal(err)
	}
	return d
}

// count runs a query that gives a number.
func (p *provider) count(sql string, args ...any) int {
	p.t.Helper()
	var n int
	if err := p.db.Read(p.t.Context()).Raw(sql, args...).Scan(&n).Error; err != nil {
		p.t.Fatal(err)
	}
	return n
}

func onBoth(t *testing.T, do func(t *testing.T, p *provider)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *database.DB) { do(t, newProvider(t, db, 0)) })
}

const anasBody = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ana@acme.test","displayName":"Ana Kovač","password":"hunter2-hunter2",
	"emails":[{"value":"ana@acme.test","type":"work","primary":true}],"phoneNumbers":[{"type":"mobile","value":"+385 91 555 0101"}]}`

func TestEachCallHasItsRowAndASentence(t *testing.T) {
	onBoth(t, func(t *testing.T, p *provider) {
		ana := p.send("POST", "/Users", anasBody).at(t, "$.id").(string)
		ben := p.send("POST", "/Users", `{"userName":"ben@acme.test","displayName":"Ben"}`).at(t, "$.id").(string)
		p.send("GET", `/Users?filter=userName%20eq%20%22ana@acme.test%22`, "")
		p.send("GET", "/Users/"+ana, "")
		p.send("PATCH", "/Users/"+ana, `{"Operations":[{"op":"replace","path":"title","value":"Captain"}]}`)
		p.send("PATCH", "/Users/"+ana, `{"Operations":[{"op":"replace","path":"title","value":"Captain"}]}`)
		p.send("PATCH", "/Users/"+ana, `{"Operations":[{"op":"Replace","path":"active","value":"False"}]}`)
		team := p.send("POST", "/Groups", `{"displayName":"Marketing","members":[{"value":"`+ana+`"},{"value":"`+ben+`"}]}`).at(t, "$.id").(string)
		p.send("PATCH", "/Groups/"+team, `{"Operations":[{"op":"remove","path":"members[value eq \"`+ben+`\"]"},{"op":"add","path":"members","value":[{"value":"nobody-yet"}]}]}`)
		p.send("PUT", "/Users/"+ana, `{"userName":" "}`)
		p.send("DELETE", "/Users/"+ben, "")
		p.send("GET", "/Users/"+ben, "")
		p.send("GET", "/ServiceProviderConfig", "")
		p.send("GET", "/Nothing", "")
		want := []string{
			"ok 201 user.create person.created The identity provider created Ana Kovač.",
			"ok 201 user.create person.created The identity provider created Ben.",
			"ok 200 user.list  The identity provider looked for people and found 1.",
			"ok 200 user.read  The identity provider looked at Ana Kovač.",
			"ok 200 user.patch person.changed The identity provider changed title of Ana Kovač.",
			"unchanged 200 user.patch  The identity provider sent Ana Kovač again. Nothing was different.",
			"ok 200 user.patch person.deactivated Entra ID deactivated Ana Kovač.",
			"ok 201 group.create team.created Entra ID created the team Marketing with 2 people.",
			"ok 204 group.patch team.changed Entra ID removed 1 person from the team Marketing and named 1 person who is not here yet.",
			"failed 400 user.replace  Entra ID could not change Ana Kovač: userName is required and may not be empty.",
			"ok 204 user.delete person.deleted Entra ID deleted Ben.",
			"ok 404 user.read  Entra ID looked for a person by an id that is not here.",
			"ok 200 discovery  Entra ID asked what this service offers.",
			"failed 404 other  Entra ID was refused: There is nothing at this address.",
		}
		rows := p.rows()
		for i, r := range rows {
			got := fmt.Sprintf("%s %d %s %s %s", r.Result, r.Status, r.Operation, r.Event, r.Sentence)
			if i >= len(want) || got != want[i] {
				t.Errorf("row %d: %s", i, got)
			}
			if r.Took() <= 0 || r.TokenID != p.tokenID() {
				t.Errorf("row %d: took %v, token %s", i, r.Took(), r.TokenID)
			}
		}
		if len(rows) != len(want) {
			t.Errorf("%d rows, want %d", len(rows), len(want))
		}
		var five []string
		for i := range 5 {
			five = append(five, `{"value":"`+p.send("POST", "/Users", fmt.Sprintf(`{"userName":"five%d@acme.test"}`, i)).at(t, "$.id").(string)+`"}`)
		}
		sales := p.send("POST", "/Groups", `{"displayName":"Sales","members":[`+strings.Join(five, ",")+`]}`).at(t, "$.id").(string)
		for _, c := range []struct {
			op, want string
			members  []string
		}{
			{"remove", "Entra ID removed 2 people from the team Sales.", five[:2]},
			{"add", "Entra ID added 2 people to the team Sales.", five[:2]},
			{"replace", "Entra ID removed 3 people from the team Sales. It had 5 people and has 2 left.", five[:2]},
			{"replace", "Entra ID removed 2 people from the team Sales.", nil},
		} {
			p.send("PATCH", "/Groups/"+sales, `{"Operations":[{"op":"`+c.op+`","path":"members","value":[`+strings.Join(c.members, ",")+`]}]}`)
			if rows := p.rows(); rows[len(rows)-1].Sentence != c.want {
				t.Errorf("%s: %s", c.op, rows[len(rows)-1].Sentence)
			}
		}
	})
}

func TestARowShowsBeforeAndAfterAndNoSecret(t *testing.T) {
	onBoth(t, func(t *testing.T, p *provider) {
		ana := p.send("POST", "/Users", anasBody).at(t, "$.id").(string)
		p.send("PATCH", "/Users/"+ana, `{"Operations":[{"op":"replace","value":{"title":"Captain","password":"hunter3-hunter3","name":{"givenName":"Ana"}}},
			{"op":"replace","path":"phoneNumbers[type eq \"mobile\"].value","value":"+385 91 555 0199"}]}`)
		p.send("POST", "/Users", `{"userName":"cleo@acme.test","nickName":"cs_scim_0123456789012345678901234567890123456789012abcdef"}`)
		rows := p.rows()
		made, changed := p.detail(rows[0].ID), p.detail(rows[1].ID)
		if !strings.Contains(made.Request, `"password":"[removed]"`) || !strings.Contains(made.Request, `"userName":"ana@acme.test"`) ||
			!strings.Contains(made.Request, `{"type":"mobile","value":"•••"}`) {
			t.Errorf("masked request %s", made.Request)
		}
		if !strings.Contains(made.Response, `"id":"`+ana+`"`) || strings.Contains(made.Response, "555") {
			t.Errorf("masked answer %s", made.Response)
		}
		if got := fmt.Sprint(names(made.Changes)); got != "[active displayName emails phoneNumbers userName]" {
			t.Errorf("a creation shows %s", got)
		}
		want := `name.givenName: - → "Ana"; phoneNumbers: [{"type":"mobile","value":"•••"}] → [{"type":"mobile","value":"•••"}]; title: - → "Captain"; `
		if got := said(changed.Changes); got != want {
			t.Errorf("changes %s", got)
		}
		raw, err := p.log.Raw(p.db.Read(t.Context()), p.workspace, rows[0].ID)
		if err != nil || !bytes.Contains(raw.Body, []byte("+385 91 555 0101")) || bytes.Contains(raw.Body, []byte("hunter2")) {
			t.Errorf("the request as sent: %s %v", raw.Body, err)
		}
		for _, r := range rows[1:] {
			if raw, err := p.log.Raw(p.db.Read(t.Context()), p.workspace, r.ID); err != nil || bytes.Contains(raw.Body, []byte("hunter")) || bytes.Contains(raw.Body, []byte("cs_scim_")) {
				t.Errorf("the request as sent: %s %v", raw.Body, err)
			}
		}
		for _, secret := range []string{"hunter", "cs_scim_", p.token, "555 01"} {
			like := "%" + secret + "%"
			if n := p.count("SELECT COUNT(*) FROM provisioning_log WHERE sentence LIKE ? OR search LIKE ? OR COALESCE(changes, '') LIKE ? OR COALESCE(request, '') LIKE ? OR COALESCE(response, '') LIKE ? OR target LIKE ?",
				like, like, like, like, like, like); n > 0 && (secret != "cs_scim_" || secretNickname(p)) {
				t.Errorf("%d rows hold %q", n, secret)
			}
		}
	})
}

// secretNickname says whether the token that somebody was given as a nickname stands in a masked body.
func secretNickname(p *provider) bool {
	return p.count("SELECT COUNT(*) FROM provisioning_log WHERE COALESCE(request, '') LIKE '%cs_scim_%' OR COALESCE(response, '') LIKE '%cs_scim_%' OR sentence LIKE '%cs_scim_%'") > 0
}

func names(changes []provisioning.FieldChange) (out []string) {
	for _, c := range changes {
		out = append(out, c.Attribute)
	}
	return out
}

func said(changes []provisioning.FieldChange) string {
	var b strings.Builder
	for _, c := range changes {
		before, after := string(c.Before), string(c.After)
		if before == "" {
			before = "-"
		}
		if after == "" {
			after = "-"
		}
		b.WriteString(c.Attribute + ": " + before + " → " + after + "; ")
	}
	return b.String()
}

func TestAChangeWhoseRowCannotBeWrittenIsNotMade(t *testing.T) {
	onBoth(t, func(t *testing.T, p *provider) {
		err := p.db.InTx(t.Context(), func(tx database.Tx) error { return tx.Exec("ALTER TABLE provisioning_log RENAME TO away").Error })
		if err != nil {
			t.Fatal(err)
		}
		if r := p.send("POST", "/Users", `{"userName":"ana@acme.test"}`); r.status != http.StatusInternalServerError {
			t.Errorf("status %d", r.status)
		}
		if n := p.count("SELECT COUNT(*) FROM people"); n != 0 {
			t.Errorf("%d people without a row", n)
		}
	})
}

func TestFailuresThatAreTheSameFoldAndComeRight(t *testing.T) {
	onBoth(t, func(t *testing.T, p *provider) {
		p.send("POST", "/Users", `{"userName":"ana@acme.test","displayName":"Ana"}`)
		for range 3 {
			r := p.send("POST", "/Users", `{"userName":"Ana@acme.test","displayName":"Another Ana"}`)
			if r.status != http.StatusConflict || !strings.HasSuffix(r.at(t, "$.detail").(string), "(DS-1201)") {
				t.Fatalf("%d %s", r.status, r.body)
			}
		}
		p.send("POST", "/Users", `{"userName":"ana@acme.test","displayName":"Yet another"}`)
		rows := p.rows()
		if len(rows) != 3 || rows[1].Times != 3 || rows[2].Times != 1 || rows[1].Code != "DS-1201" || rows[1].ResolvedAt != nil {
			t.Fatalf("rows %+v", rows)
		}
		id := p.send("GET", `/Users?filter=userName%20eq%20%22ana@acme.test%22`, "").at(t, "$.Resources[0].id").(string)
		p.send("PATCH", "/Users/"+id, `{"Operations":[{"op":"replace","path":"title","value":"Captain"}]}`)
		rows = p.rows()
		if rows[1].ResolvedAt == nil || rows[2].ResolvedAt == nil || rows[1].ResolvedBy != rows[4].ID {
			t.Errorf("not resolved: %+v", rows)
		}
		p.send("POST", "/Users", `{"userName":"Ana@acme.test","displayName":"Another Ana"}`)
		if rows = p.rows(); len(rows) != 6 || rows[5].Times != 1 || rows[5].ResolvedAt != nil {
			t.Errorf("what fails again after it came right has a row of its own: %+v", rows[len(rows)-1])
		}
		if d := p.detail(rows[5].ID); d.Reason == nil || d.Reason.Remedy == "" || d.Said == "" {
			t.Errorf("reason %+v", d)
		}
	})
}

func TestARejectedTokenIsNamedAndNeverKept(t *testing.T) {
	onBoth(t, func(t *testing.T, p *provider) {
		now := time.Now()
		end := now.Add(-time.Hour)
		p.ended["cs_scim_old"] = workspace.Token{ID: "tok_0", Workspace: p.workspace, Hint: "9f2c", State: workspace.Replaced, CreatedAt: now.Add(-100 * time.Hour),
			CreatedBy: "Ana Kovač", ValidUntil: &end}
		for range 5 {
			if r := p.do("GET", "/Users", http.Header{"Authorization": {"Bearer cs_scim_old"}, "User-Agent": {"azure-something"}}, nil); r.status != http.StatusUnauthorized {
				t.Fatalf("%d", r.status)
			}
		}
		p.do("GET", "/Users", http.Header{"Authorization": {"Bearer cs_scim_nobodys"}}, nil)
		if n := p.api.UnknownTokens(); n != 1 {
			t.Errorf("%d calls had a token that was never ours", n)
		}
		rows := p.rows()
		if len(rows) != 1 || rows[0].Times != 5 || rows[0].Result != provisioning.Rejected || rows[0].TokenID != "tok_0" || rows[0].Code != "DS-1001" {
			t.Fatalf("rows %+v", rows)
		}
		want := "Entra ID sent the token (…9f2c) that was replaced. It has not been valid since " + end.UTC().Format("2 January 2006 at 15:04 UTC") + "."
		if rows[0].Sentence != want {
			t.Errorf("sentence %s", rows[0].Sentence)
		}
		p.send("GET", "/Users", "")
		p.rows()
		if rows = p.rows(); rows[0].ResolvedAt == nil {
			t.Error("a call with a good token does not resolve the rejected ones")
		}
	})
}

func TestTooManyCallsAreOneRow(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		now := time.Now()
		p := newProviderAt(t, db, 25, func() time.Time { return now }) // a clock that stands still gives no new allowance
		slowed := 0
		for range 300 {
			if p.send("GET", "/ServiceProviderConfig", "").status == http.StatusTooManyRequests {
				slowed++
			}
		}
		var got int64
		for _, r := range p.rows() {
			if r.Result == provisioning.Slowed {
				got += r.Times
			}
		}
		if slowed == 0 || got != int64(slowed) {
			t.Errorf("%d calls were slowed down, the log says %d", slowed, got)
		}
	})
}

func TestAChangeGoesOnWhenItsClientHangsUp(t *testing.T) {
	onBoth(t, func(t *testing.T, p *provider) {
		// The workspace's userName is held, so that the call waits inside its transaction while its client goes away.
		held, free := make(chan struct{}), make(chan struct{})
		done := make(chan error, 1)
		go func() {
			done <- p.db.InTx(context.Background(), func(tx database.Tx) error {
				err := tx.Exec(`INSERT INTO people (id, workspace_id, source, role, user_name, user_name_key, name, created_at, updated_at)
					VALUES ('ppl_held', ?, 'directory', 'user', 'ana@acme.test', 'ana@acme.test', 'Held', ?, ?)`, p.workspace, time.Now(), time.Now()).Error
				if err != nil {
					return err
				}
				close(held)
				<-free
				return context.Canceled // rolled back: the name is free again
			})
		}()
		<-held
		conn, err := net.Dial("tcp", strings.TrimPrefix(strings.TrimSuffix(p.url, "/v1/scim/v2"), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		body := `{"userName":"ana@acme.test","displayName":"Ana"}`
		_, err = fmt.Fprintf(conn, "POST /v1/scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/scim+json\r\nContent-Length: %d\r\n\r\n%s",
			p.token, len(body), body)
		if err != nil {
			t.Fatal(err)
		}
		p.waitUsed()
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		close(free)
		<-done
		p.until(func() bool {
			return p.count("SELECT COUNT(*) FROM provisioning_log WHERE event = 'person.created'") == 1
		})
		if n := p.count("SELECT COUNT(*) FROM people WHERE user_name_key = 'ana@acme.test'"); n != 1 {
			t.Errorf("%d people for one row", n)
		}
		if rows := p.rows(); len(rows) != 1 || rows[0].Status != http.StatusCreated || rows[0].Sentence != "The identity provider created Ana." {
			t.Errorf("rows %+v", rows)
		}
	})
}

// waitUsed waits until a call has got past its token.
func (p *provider) waitUsed() {
	p.t.Helper()
	select {
	case <-p.seen:
	case <-time.After(time.Minute):
		p.t.Fatal("the call never came")
	}
}

// until waits for something that another goroutine does.
func (p *provider) until(is func() bool) {
	p.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			p.t.Fatal("it never came")
		}
	}
}

func TestTheCallsOfAPersonAreThoseOfTheirTeamsToo(t *testing.T) {
	onBoth(t, func(t *testing.T, p *provider) {
		ana := p.send("POST", "/Users", `{"userName":"ana@acme.test","displayName":"Ana"}`).at(t, "$.id").(string)
		ben := p.send("POST", "/Users", `{"userName":"ben@acme.test","displayName":"Ben"}`).at(t, "$.id").(string)
		team := p.send("POST", "/Groups", `{"displayName":"Marketing"}`).at(t, "$.id").(string)
		p.send("PATCH", "/Groups/"+team, `{"Operations":[{"op":"add","path":"members","value":[{"value":"`+ana+`"}]}]}`)
		p.send("PATCH", "/Groups/"+team, `{"Operations":[{"op":"Add","value":{"members":[{"value":"`+ben+`"}]}}]}`)
		p.send("PATCH", "/Groups/"+team, `{"Operations":[{"op":"remove","path":"members[value eq \"`+ana+`\"]"}]}`)
		p.send("PUT", "/Groups/"+team, `{"displayName":"Marketing","members":[{"value":"`+ana+`"},{"value":"`+ben+`"}]}`)
		p.rows()
		for _, c := range []struct {
			name string
			q    provisioning.Query
			want int
		}{
			{"a person's", provisioning.Query{Person: ana}, 3}, // what names several is found by text
			{"another's", provisioning.Query{Person: ben}, 2},
			{"the team's", provisioning.Query{Team: team}, 5},
			{"by text, also among several", provisioning.Query{Text: ben}, 3},
		} {
			c.q.Workspace = p.workspace
			page, err := p.log.List(p.db.Read(t.Context()), c.q)
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Rows) != c.want {
				t.Errorf("%s calls: %d, want %d", c.name, len(page.Rows), c.want)
			}
		}
	})
}

func TestABulkCallIsARowAndOneForEachOperation(t *testing.T) {
	onBoth(t, func(t *testing.T, p *provider) {
		p.send("POST", "/Users", `{"userName":"ana@acme.test","displayName":"Ana"}`)
		p.send("POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[
			{"method":"POST","path":"/Users","bulkId":"ben","data":{"userName":"ben@acme.test","displayName":"Ben"}},
			{"method":"POST","path":"/Users","bulkId":"ana","data":{"userName":"ana@acme.test"}},
			{"method":"POST","path":"/Groups","bulkId":"team","data":{"displayName":"Marketing","members":[{"value":"bulkId:ben"}]}}]}`)
		rows := p.rows()
		var bulk provisioning.Row
		parts := map[string]bool{}
		for _, r := range rows {
			if r.Operation == "bulk" {
				bulk = r
			}
			if r.BulkID != "" {
				parts[r.Sentence] = true
			}
		}
		if bulk.Sentence != "The identity provider sent a bulk call of 3 operations, of which 1 failed." {
			t.Errorf("bulk row %+v", bulk)
		}
		for _, s := range []string{"The identity provider created Ben.", "The identity provider created the team Marketing with 1 person.",
			"The identity provider could not create ana@acme.test: Another person of this workspace, active or not, has this userName already."} {
			if !parts[s] {
				t.Errorf("no part says %q: %v", s, parts)
			}
		}
		if d := p.detail(bulk.ID); len(d.Parts) != 3 || d.Replayable {
			t.Errorf("parts %d", len(d.Parts))
		}
	})
}

func TestReplay(t *testing.T) {
	onBoth(t, func(t *testing.T, p *provider) {
		by := actor.Actor{Kind: actor.Person, Workspace: p.workspace, Person: "ppl_admin", Name: "Dora", Role: "owner"}
		first := p.send("POST", "/Users", `{"userName":"ana@acme.test","displayName":"Ana"}`).at(t, "$.id").(string)
		p.send("POST", "/Users", `{"userName":"ANA@acme.test","displayName":"Ana the second"}`)
		failed := p.rows()[1]
		raw, err := p.log.Raw(p.db.Read(t.Context()), p.workspace, failed.ID)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := p.api.Replay(t.Context(), by, failed.ID, raw, true); err != nil || r.Status != http.StatusConflict || r.Code != "DS-1201" {
			t.Errorf("a dry run before the cause is gone: %+v %v", r, err)
		}
		p.send("DELETE", "/Users/"+first, "")
		before := len(p.rows())
		dry, err := p.api.Replay(t.Context(), by, failed.ID, raw, true)
		if err != nil || dry.Status != http.StatusCreated || dry.Event != "person.created" || said(dry.Changes) != `active: - → true; displayName: - → "Ana the second"; userName: - → "ANA@acme.test"; ` {
			t.Errorf("dry run %+v %v", dry, err)
		}
		if n := p.count("SELECT COUNT(*) FROM people WHERE deleted_at IS NULL"); n != 0 || len(p.rows()) != before {
			t.Errorf("a dry run left %d people and %d rows", n, len(p.rows())-before)
		}
		done, err := p.api.Replay(t.Context(), by, failed.ID, raw, false)
		if err != nil || done.Status != http.StatusCreated || done.Row == "" {
			t.Errorf("replay %+v %v", done, err)
		}
		if err := p.log.Replayed(t.Context(), by, failed.ID, done); err != nil {
			t.Fatal(err)
		}
		rows := p.rows()
		last := rows[len(rows)-1]
		if last.ID != done.Row || last.ReplayOf != failed.ID || last.Sentence != "Dora, replaying a call, created Ana the second." || last.TokenID != "" {
			t.Errorf("the replay's row %+v", last)
		}
		if rows[1].ResolvedAt == nil || rows[1].ResolvedBy != done.Row {
			t.Errorf("the failure is still open: %+v", rows[1])
		}
		if n := p.count("SELECT COUNT(*) FROM people WHERE deleted_at IS NULL"); n != 1 {
			t.Errorf("%d people", n)
		}
	})
}

func TestManyAtOnceHaveARowEach(t *testing.T) {
	onBoth(t, func(t *testing.T, p *provider) {
		const n = 40
		var wg sync.WaitGroup
		statuses := make([]int, 2*n)
		for i := range n {
			wg.Go(func() {
				statuses[i] = p.send("POST", "/Users", fmt.Sprintf(`{"userName":"person%d@acme.test"}`, i)).status
			})
			wg.Go(func() { statuses[n+i] = p.send("POST", "/Users", `{"userName":"wanted@acme.test"}`).status })
		}
		wg.Wait()
		made := 0
		for _, s := range statuses {
			if s == http.StatusCreated {
				made++
			} else if s != http.StatusConflict {
				t.Errorf("status %d", s)
			}
		}
		if made != n+1 || p.count("SELECT COUNT(*) FROM people") != n+1 {
			t.Errorf("%d were created, %d people", made, p.count("SELECT COUNT(*) FROM people"))
		}
		p.rows()
		told := p.count("SELECT COUNT(*) FROM provisioning_log l JOIN people r ON r.id = l.subject_id WHERE l.event = 'person.created' AND l.status = 201")
		refused := p.count("SELECT SUM(times) FROM provisioning_log WHERE result = 'failed' AND status = 409")
		if told != n+1 || refused != n-1 {
			t.Errorf("%d rows of people, %d refusals counted; want %d and %d", told, refused, n+1, n-1)
		}
		if calls := p.count("SELECT SUM(calls) FROM provisioning_minutes"); calls != 2*n {
			t.Errorf("%d calls counted, %d made", calls, 2*n)
		}
	})
}

func TestNoInputBreaksTheLog(t *testing.T) {
	onBoth(t, func(t *testing.T, p *provider) {
		id := p.send("POST", "/Users", `{"userName":"ana@acme.test"}`).at(t, "$.id").(string)
		long := strings.Repeat("ä", 40_000)
		deep := strings.Repeat(`{"x":`, 400) + "1" + strings.Repeat("}", 400)
		for _, c := range [][3]string{
			{"POST", "/Users", `{"userName":"a\u0000b","displayName":"\u0007\ud800 x"}`}, {"POST", "/Users", `{"userName":"` + long + `"}`},
			{"POST", "/Users", `{"userName":"deep","x":` + deep + `}`}, {"POST", "/Users", `[]`}, {"POST", "/Users", `{`}, {"POST", "/Users", "\xff\xfe"},
			{"POST", "/Users", `{"userName":{"a":1},"displayName":[1]}`}, {"POST", "/Groups", `{"displayName":"` + long[:3000] + `","members":{"value":5}}`},
			{"PATCH", "/Users/" + id, `{"Operations":{"op":1}}`}, {"PATCH", "/Users/" + id, `{"Operations":[{"op":"add","path":7,"value":{"a":null}}]}`},
			{"PATCH", "/Users/" + id, `{"Operations":[{"op":"add","path":"title","value":1e400}]}`}, {"PATCH", "/Users/%00", `{"Operations":[]}`},
			{"PUT", "/Users/" + long[:300], `{"userName":"x"}`}, {"GET", "/Users?filter=%00", ""}, {"GET", "/" + long[:5000], ""}, {"GET", "/Users/%ff%fe", ""},
			{"POST", "/Bulk", `{"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"\u0000"}},{"method":5},{"path":"/Users/\u0000"}]}`},
			{"DELETE", "/Users/" + strings.Repeat("x", 2000), ""},
		} {
			if r := p.send(c[0], c[1], c[2]); r.status >= 500 && r.status != http.StatusNotImplemented {
				t.Errorf("%s %.40s %.60s: %d %s", c[0], c[1], c[2], r.status, r.body)
			}
		}
		rows := p.rows()
		if len(rows) < 18 || p.log.Dropped() != 0 {
			t.Errorf("%d rows, %d dropped", len(rows), p.log.Dropped())
		}
		for _, r := range rows {
			d := p.detail(r.ID)
			for _, body := range []string{d.Request, d.Response} {
				if body != "" && !json.Valid([]byte(body)) {
					t.Errorf("%s: kept %.200s", r.Sentence, body)
				}
			}
		}
	})
}
