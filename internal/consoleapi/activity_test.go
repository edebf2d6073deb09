package consoleapi_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/serverkeys"
	"github.com/countersign/countersign/internal/signing"
)

// chains is the audit of a world; nothing runs in it by itself.
func chains(db *database.DB, keys *serverkeys.Keys) *audit.Chains {
	return audit.NewChains(audit.Deps{DB: db, Log: slog.New(slog.DiscardHandler),
		Current: func(ctx context.Context) (audit.Key, error) {
			k, err := keys.Current(ctx, serverkeys.Audit)
			return audit.Key{Kid: k.ID, Sign: func(m []byte) ([]byte, error) { return signing.Sign(k.Private, m) }}, err
		},
		Public: func(db *gorm.DB) (out []audit.PublicKey, err error) {
			all, err := serverkeys.Publics(db, serverkeys.Audit)
			for _, k := range all {
				out = append(out, audit.PublicKey(k))
			}
			return out, err
		}})
}

func TestActivityIsReadByAdminsInPagesAndFiltered(t *testing.T) {
	onBoth(t, func(w *world) {
		acme, evil := w.workspace("acme", "ana@acme.test"), w.workspace("evil", "eve@evil.test")
		ana := w.signedIn("acme", "ana@acme.test")
		ben := w.person(acme.Workspace, "ben@acme.test", directory.User)
		by := actor.Actor{Kind: actor.Person, Workspace: acme.Workspace.ID, Person: acme.Owner.ID, Name: "Ana Kovač", IP: "192.0.2.1",
			UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
		for n := range 5 {
			w.ahead.Add(int64(time.Second))
			w.must(w.db.InTx(w.Context(), func(tx database.Tx) error {
				return audit.Record(tx, by, "token.copied", fmt.Sprintf("cnf_%d", n), audit.Detail{"reason": "because"})
			}))
		}
		w.must(w.audit.Seal(w.Context()))
		w.ahead.Add(int64(time.Second))
		w.must(w.db.InTx(w.Context(), func(tx database.Tx) error { return audit.Record(tx, by, "person.deactivated", ben.ID, nil) }))

		got := ana.get("/v1/activity?limit=3").is(200)
		if got.text("items.0.event") != "person.deactivated" || got.text("items.0.object.name") != ben.Name || got.at("items.0.sealed") != false ||
			got.at("items.1.sealed") != true || got.text("items.1.os") != "Linux" || got.text("items.1.app") != "Firefox" || got.text("items.1.area") != "tokens" ||
			got.number("kept_days") != 400 || got.at("can.keep") != true {
			w.Errorf("the list is %s", got.raw)
		}
		next := ana.get("/v1/activity?limit=3&after=" + got.text("next")).is(200)
		if next.text("items.0.object.id") != "cnf_2" {
			w.Errorf("the next page is %s", next.raw)
		}
		one := ana.get("/v1/activity/events/" + next.text("items.0.id")).is(200)
		if len(one.text("seal.hash")) != 64 || !strings.HasPrefix(one.text("seal.fingerprint"), "sha256:") || one.number("position") < 1 {
			w.Errorf("one event is %s", one.raw)
		}
		for query, want := range map[string]int{"kind=token.copied": 5, "kind=token.copied&limit=2": 2, "object=cnf_1": 1,
			"kind=person.deactivated&person=" + ben.ID: 1, "kind=token.copied&actor=" + acme.Owner.ID: 5, "kind=token.copied&actor=" + ben.ID: 0, "q=because": 5, "from=2999-01-01T00:00:00Z": 0, "to=1999-01-01T00:00:00Z": 0} {
			if n := len(ana.get("/v1/activity?"+query).is(200).texts("items", "id")); n != want {
				w.Errorf("%s: %d events, wanted %d", query, n, want)
			}
		}
		for _, query := range []string{"kind=nonsense", "actor=!", "from=yesterday", "from=0001-01-01T00:00:00%2B14:00", "q=" + strings.Repeat("x", 201), "limit=-1"} {
			ana.get("/v1/activity?"+query).is(400, "malformed")
		}
		ana.get("/v1/activity?after=zzz").is(400, "bad_cursor")
		eve := w.signedIn("evil", "eve@evil.test")
		eve.get("/v1/activity/events/"+next.text("items.0.id")).is(404, "not_found")
		if n := len(eve.get("/v1/activity?object=cnf_1").is(200).texts("items", "id")); n != 0 {
			w.Errorf("another workspace sees %d", n)
		}
		_ = evil
		user := w.signedIn("acme", "ben@acme.test")
		user.get("/v1/activity").is(403, "forbidden").allows("owner", "super_admin", "admin")
		user.get("/v1/activity/events/"+one.text("id")).is(403, "forbidden")
		user.post("/v1/activity/exports", map[string]any{"format": "csv"}).is(403, "forbidden")
	})
}

func TestActivityIsExportedByLinkAndKeptAsLongAsChosen(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		w.person(acme.Workspace, "cleo@acme.test", directory.Admin)
		ana, cleo := w.signedIn("acme", "ana@acme.test"), w.signedIn("acme", "cleo@acme.test")
		w.ahead.Add(int64(time.Second))
		for format, begins := range map[string]string{"csv": "\uFEFFTime (UTC),Event", "jsonl": `{"id":"evt_`, "signed": "PK"} {
			made := ana.post("/v1/activity/exports", map[string]any{"format": format, "kind": "signin"}).is(201)
			status, header, file := ana.download(made.text("url"))
			if status != 200 || !strings.HasPrefix(file, begins) || !strings.Contains(header.Get("Content-Disposition"), `filename="activity-acme-`) {
				w.Errorf("%s: %d %v %.60q", format, status, header, file)
			}
			if format == "signed" {
				r, err := audit.Verify(bytes.NewReader([]byte(file)), int64(len(file)), "")
				if err != nil || !r.OK || r.Workspace != "acme" || r.Events < 3 {
					w.Errorf("the signed one: %+v %+v %v", r, r.Broken, err)
				}
			}
			if status, _, _ := cleo.download(made.text("url")); status != 404 {
				w.Errorf("%s: another admin gets %d", format, status)
			}
			if status, _, _ := w.browser().download(made.text("url")); status != 401 {
				w.Errorf("%s: a stranger gets %d", format, status)
			}
		}
		ana.post("/v1/activity/exports", map[string]any{"format": "pdf"}).is(400, "malformed")
		ana.post("/v1/activity/exports", map[string]any{"format": "csv", "kind": "x"}).is(400, "malformed")
		old := ana.post("/v1/activity/exports", map[string]any{"format": "csv"}).is(201)

		ana.patch("/v1/activity/settings", map[string]any{"kept_days": 30}).is(400, "bad_retention")
		ana.patch("/v1/activity/settings", map[string]any{"kept_days": 730}).is(200)
		if n := ana.get("/v1/activity").is(200).number("kept_days"); n != 730 {
			w.Errorf("kept for %d days", n)
		}
		cleo.patch("/v1/activity/settings", map[string]any{"kept_days": 365}).is(403, "forbidden").allows("owner", "super_admin")
		w.ahead.Add(int64(25 * time.Hour))
		again := w.signedIn("acme", "ana@acme.test")
		if status, _, body := again.download(old.text("url")); status != 410 || !strings.Contains(body, "export_expired") {
			w.Errorf("after a day: %d %s", status, body)
		}
	})
}

// download follows a link as a browser does: without a header of the console's.
func (b *browser) download(path string) (int, http.Header, string) {
	b.w.Helper()
	req, err := http.NewRequestWithContext(b.w.Context(), http.MethodGet, b.w.server.URL+path, nil)
	b.w.must(err)
	client := *b.w.server.Client()
	client.Jar = b.jar
	res, err := client.Do(req)
	b.w.must(err)
	raw, err := io.ReadAll(res.Body)
	b.w.must(err)
	b.w.must(res.Body.Close())
	return res.StatusCode, res.Header, string(raw)
}
