package consoleapi_test

import (
	"testing"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
)

func TestAConflictOfUserNamesIsSettled(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		ben := w.person(acme.Workspace, "ben@acme.test", directory.Admin)
		dora := w.person(acme.Workspace, "dora@acme.test", directory.User)
		ana := w.signedIn("acme", "ana@acme.test")
		call := w.scim(acme.Workspace.ID)
		// newest is the path of the newest row.
		newest := func() string {
			return "/v1/provisioning/log/" + items(ana.get("/v1/provisioning/log?limit=1"), "items")[0]["id"].(string)
		}
		refused := func(method, path, body string) string {
			w.Helper()
			if status := call(method, path, body); status != 409 {
				w.Fatalf("%s %s is answered with %d", method, path, status)
			}
			return newest()
		}
		made := func(name, external string) string {
			w.Helper()
			call("POST", "/Users", `{"userName":"`+name+`","externalId":"`+external+`"}`)
			return ana.get(newest()).is(200).text("subject.id")
		}
		settled := func(row, person string, dry bool) answer {
			return ana.post(row+"/conflict", map[string]any{"person_id": person, "dry_run": dry}).is(200)
		}
		rename := func(id, name string) string {
			return refused("PATCH", "/Users/"+id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"userName","value":"`+name+`"}]}`)
		}

		// The directory's own record of the same person.
		gina := made("gina@acme.test", "g-1")
		row := refused("POST", "/Users", `{"userName":"gina@acme.test","externalId":"g-2","displayName":"Gina Rossi"}`)
		a := ana.get(row + "/conflict").is(200)
		if a.text("holder.id") != gina || a.text("way") != "merge" || a.text("holder.source") != "directory" {
			w.Errorf("whom the POST met: %s", a.raw)
		}
		if a := ana.post(row+"/replay", map[string]bool{"dry_run": true}).is(200); a.number("status") != 409 {
			w.Errorf("a replay without a word settles it: %s", a.raw)
		}
		if a := settled(row, dora.ID, false); a.number("status") != 409 {
			w.Errorf("settled with somebody else: %s", a.raw)
		}
		if a := settled(row, gina, true); a.number("status") != 201 || len(items(a, "changes")) == 0 || w.count("SELECT COUNT(*) FROM people WHERE external_id = 'g-2'") != 0 {
			w.Errorf("rehearsed: %s", a.raw)
		}
		if a := settled(row, gina, false); a.number("status") != 201 || w.count("SELECT COUNT(*) FROM people WHERE id = '"+gina+"' AND external_id = 'g-2' AND name = 'Gina Rossi'") != 1 {
			w.Errorf("merged: %s", a.raw)
		}
		if a := ana.get(row).is(200); a.at("resolved_at") == nil {
			w.Errorf("still open: %s", a.raw)
		}

		// Somebody who left and comes back under another id of the provider.
		w.must(w.db.InTx(w.Context(), func(tx database.Tx) error {
			return tx.Exec("UPDATE people SET active = ? WHERE id = ?", false, gina).Error
		}))
		row = refused("POST", "/Users", `{"userName":"gina@acme.test","externalId":"g-3"}`)
		if a := ana.get(row + "/conflict").is(200); a.text("way") != "revive" || a.at("holder.active") != false {
			w.Errorf("whom the second POST met: %s", a.raw)
		}
		if a := settled(row, gina, false); a.number("status") != 201 || w.count("SELECT COUNT(*) FROM people WHERE id = '"+gina+"' AND active") != 1 {
			w.Errorf("revived: %s", a.raw)
		}

		// A local member with the name that the directory's person is to get.
		emil := made("emil.old@acme.test", "e-1")
		w.must(w.db.InTx(w.Context(), func(tx database.Tx) error {
			now, err := tx.Now()
			if err != nil {
				return err
			}
			err = tx.Exec("INSERT INTO teams (id, workspace_id, source, display_name, display_name_key, attributes, version, created_at, updated_at)"+
				" VALUES ('tea_1', ?, 'local', 'Sales', 'sales', '{}', 1, ?, ?)", acme.Workspace.ID, now, now).Error
			if err != nil {
				return err
			}
			return tx.Exec("INSERT INTO team_members (team_id, person_id, workspace_id) VALUES ('tea_1', ?, ?)", dora.ID, acme.Workspace.ID).Error
		}))
		row = rename(emil, "dora@acme.test")
		if a := ana.get(row + "/conflict").is(200); a.text("holder.id") != dora.ID || a.text("way") != "fold" {
			w.Errorf("whom the PATCH met: %s", a.raw)
		}
		if a := settled(row, dora.ID, true); a.number("status") != 200 || w.count("SELECT COUNT(*) FROM people WHERE id = '"+dora.ID+"' AND deleted_at IS NULL") != 1 {
			w.Errorf("rehearsed: %s", a.raw)
		}
		if a := settled(row, dora.ID, false); a.number("status") != 200 {
			w.Errorf("folded: %s", a.raw)
		}
		for sql, want := range map[string]int{
			"SELECT COUNT(*) FROM people WHERE id = '" + emil + "' AND user_name = 'dora@acme.test' AND active":      1,
			"SELECT COUNT(*) FROM people WHERE id = '" + dora.ID + "' AND deleted_at IS NOT NULL AND NOT active":     1,
			"SELECT COUNT(*) FROM team_members WHERE team_id = 'tea_1' AND person_id = '" + emil + "'":               1,
			"SELECT COUNT(*) FROM offboardings WHERE person_id = '" + dora.ID + "'":                                  1,
			"SELECT COUNT(*) FROM audit_events WHERE event = 'person.deleted' AND subject = '" + dora.ID + "'":       1,
			"SELECT COUNT(*) FROM audit_events WHERE event = 'provisioning_log.replayed' AND actor_kind <> 'person'": 0,
		} {
			if n := w.count(sql); n != want {
				w.Errorf("%s: %d, want %d", sql, n, want)
			}
		}

		// What an admin may do is not given on, and two people of the directory are the provider's.
		row = rename(emil, "ben@acme.test")
		if a := ana.get(row + "/conflict").is(200); a.text("holder.id") != ben.ID || a.at("way") != nil {
			w.Errorf("an admin: %s", a.raw)
		}
		if a := settled(row, ben.ID, false); a.number("status") != 409 {
			w.Errorf("an admin was folded: %s", a.raw)
		}
		other := rename(emil, "gina@acme.test")
		if a := ana.get(other + "/conflict").is(200); a.at("way") != nil {
			w.Errorf("two people of the directory: %s", a.raw)
		}

		// Who may, and when there is nothing to settle.
		admin := w.signedIn("acme", "ben@acme.test")
		admin.get(row+"/conflict").is(403, "forbidden")
		admin.post(row+"/conflict", map[string]any{"person_id": ben.ID, "dry_run": true}).is(403, "forbidden")
		ana.post(row+"/conflict", map[string]any{"person_id": "no id", "dry_run": true}).is(400, "malformed")
		ana.post(row+"/conflict", map[string]any{"person_id": ben.ID}).is(400, "malformed")
		ana.get("/v1/provisioning/log/plg_000000000000000000/conflict").is(404, "not_found")
		w.must(w.db.InTx(w.Context(), func(tx database.Tx) error {
			return tx.Exec("UPDATE people SET user_name = 'x', user_name_key = 'x' WHERE id = ?", ben.ID).Error
		}))
		ana.get(row+"/conflict").is(409, "no_conflict")
	})
}

func TestWhereAddressesComeFromIsConfirmed(t *testing.T) {
	onBoth(t, func(w *world) {
		w.workspace("acme", "ana@acme.test")
		ana := w.signedIn("acme", "ana@acme.test")
		set := func(id string, mapping map[string][]string) answer {
			return ana.put("/v1/directory/mapping", map[string]any{"mapping": mapping, "confirmation_id": id})
		}
		kept := func() any { return ana.get("/v1/directory/mapping").is(200).at("fields.1.sources.0") }
		usual, other := kept(), map[string][]string{"email": {`emails[type eq "home"].value`}}
		set("", map[string][]string{"name": {"nickName"}}).is(200)
		set("", map[string][]string{"email": {"emails", "userName"}}).is(200) // the default, written out
		set("", other).is(403, "confirmation_required")
		set("cnf_other", other).is(403, "confirmation_required")
		if kept() != usual {
			w.Errorf("fed by %v without a confirmation", kept())
		}
		w.confirms.approved["cnf_1"] = "directory.mapping "
		set("cnf_1", other).is(200)
		set("", map[string][]string{"email": other["email"], "title": {"title"}}).is(200) // no change of the address
		set("", nil).is(400, "malformed")
		set("", map[string][]string{}).is(403, "confirmation_required")
		if kept() != other["email"][0] {
			w.Errorf("fed by %v", kept())
		}
	})
}

func TestATeamSaysHowManyMembersItWaitsFor(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		w.person(acme.Workspace, "dora@acme.test", directory.User)
		ana, dora := w.signedIn("acme", "ana@acme.test"), w.signedIn("acme", "dora@acme.test")
		call := w.scim(acme.Workspace.ID)
		call("POST", "/Groups", `{"displayName":"Sales","members":[{"value":"b-1"},{"value":"c-1"}]}`)
		sales := "/v1/teams/" + ana.get("/v1/teams").is(200).text("items.0.id")
		waiting := func(b *browser) any { return b.get(sales).is(200).at("waiting") }
		if n := waiting(ana); n != float64(2) || ana.get("/v1/teams").is(200).at("items.0.waiting") != n || waiting(dora) != nil {
			w.Errorf("waits for %v; a User is told %v", n, waiting(dora))
		}
		call("POST", "/Users", `{"userName":"ben@acme.test","externalId":"b-1"}`)
		if a := ana.get(sales).is(200); a.number("waiting") != 1 || a.number("members") != 1 {
			w.Errorf("one has arrived: %s", a.raw)
		}
		call("POST", "/Users", `{"userName":"cleo@acme.test","externalId":"c-1"}`)
		if n := waiting(ana); n != nil {
			w.Errorf("all are there, and it waits for %v", n)
		}
	})
}
