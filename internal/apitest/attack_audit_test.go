package apitest_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
)

// auditTables are where the audit and its chains lie.
var auditTables = []string{"audit_events", "audit_seals", "audit_chains"}

// TestA27_AWriterInTheDatabaseIsFoundInTheAudit: what somebody with the database changes, drops or makes up in the audit the verifier finds,
// in the database and in an export, though that somebody takes the database's own guards away first.
func TestA27_AWriterInTheDatabaseIsFoundInTheAudit(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		for range 2 {
			v := ask(t, w, ana)
			if _, err := phone.Send(v.ID, phone.Answer(v.ID, "approve", v.Code, "", phone.UV)); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Confirms.Collect(w.Ctx, ana, v.ID); err != nil {
				t.Fatal(err)
			}
			w.Offset.Advance(11 * time.Minute)
			if err := w.Audit.Seal(w.Ctx); err != nil {
				t.Fatal(err)
			}
		}
		verified := func() audit.Report {
			t.Helper()
			r, err := w.Audit.VerifyDatabase(w.Ctx, ana.Workspace, "acme", "", "")
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		exported := func() audit.Report {
			t.Helper()
			now, err := w.DB.Now(w.Ctx)
			if err != nil {
				t.Fatal(err)
			}
			var file bytes.Buffer
			if err := w.Audit.WriteSigned(w.Ctx, &file, audit.About{Workspace: ana.Workspace, Slug: "acme", MadeAt: now}); err != nil {
				t.Fatal(err)
			}
			r, err := audit.Verify(bytes.NewReader(file.Bytes()), int64(file.Len()), "")
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		whole := verified()
		if out := exported(); !whole.OK || whole.Events < 8 || !out.OK || out.Head != whole.Head {
			t.Fatalf("%+v %+v, exported %+v %+v", whole, whole.Broken, out, out.Broken)
		}
		var at int64
		if err := w.DB.Read(w.Ctx).Raw("SELECT MIN(position) FROM audit_events WHERE workspace_id = ? AND event = 'token.viewed'", ana.Workspace).Scan(&at).Error; err != nil {
			t.Fatal(err)
		}
		write := func(sql string) error {
			return w.DB.InTx(w.Ctx, func(tx database.Tx) error {
				return tx.Exec(strings.ReplaceAll(sql, "@at", "(SELECT MIN(position) FROM kept_audit_events WHERE event = 'token.viewed')")).Error
			})
		}
		must := func(sql string) {
			t.Helper()
			if err := write(sql); err != nil {
				t.Fatalf("%s: the test could not write: %v", sql, err)
			}
		}
		for _, table := range auditTables {
			must("CREATE TABLE kept_" + table + " AS SELECT * FROM " + table)
		}
		for _, sql := range []string{"UPDATE audit_events SET ip = '198.51.100.1' WHERE position = @at", "DELETE FROM audit_events WHERE position = @at",
			"UPDATE audit_seals SET kid = 'x'", "UPDATE audit_chains SET position = 1"} {
			if write(sql) == nil {
				t.Errorf("the database takes %s", sql)
			}
		}
		unguard(t, w)
		for name, c := range map[string]struct {
			sql   string
			named int64 // the event that is named; 0: another, or none
		}{
			"another address":         {"UPDATE audit_events SET ip = '198.51.100.1' WHERE position = @at", at},
			"another person":          {"UPDATE audit_events SET actor_id = 'ppl_other', actor_name = 'Eve' WHERE position = @at", at},
			"another event":           {"UPDATE audit_events SET event = 'token.copied' WHERE position = @at", at},
			"another time":            {"UPDATE audit_events SET at = (SELECT MAX(at) FROM kept_audit_events) WHERE position = @at", at},
			"as if it were erased":    {"UPDATE audit_events SET who_hash = hash, actor_name = '', ip = '', user_agent = '' WHERE position = @at", at},
			"dropped":                 {"DELETE FROM audit_events WHERE position = @at", at},
			"the end dropped":         {"DELETE FROM audit_events WHERE position >= @at", at},
			"unsealed again":          {"UPDATE audit_events SET position = NULL WHERE position = @at", at},
			"the end without seals":   {"DELETE FROM audit_seals WHERE last >= @at", 0},
			"a seal at another time":  {"UPDATE audit_seals SET sealed_at = (SELECT MIN(at) FROM kept_audit_events)", 0},
			"a made up checkpoint":    {"UPDATE audit_chains SET pruned_to = @at, pruned_kid = (SELECT MAX(kid) FROM audit_seals), pruned_hash = head", 0},
			"a head of one's own":     {"UPDATE audit_chains SET head = (SELECT hash FROM kept_audit_events WHERE position = 1)", 0},
			"a hash that fits itself": {"UPDATE audit_events SET hash = (SELECT hash FROM kept_audit_events WHERE position = 1) WHERE position = @at", at},
		} {
			must(c.sql)
			r := verified()
			if r.OK || c.named != 0 && r.Broken.Position != c.named {
				t.Errorf("%s: %+v, wanted event %d", name, r.Broken, c.named)
			}
			if c.named != 0 && name != "unsealed again" {
				if out := exported(); out.OK || out.Broken.Position != c.named {
					t.Errorf("%s, exported: %+v, wanted event %d", name, out.Broken, c.named)
				}
			}
			for _, table := range auditTables {
				must("DELETE FROM " + table)
				must("INSERT INTO " + table + " SELECT * FROM kept_" + table)
			}
			if r := verified(); !r.OK {
				t.Fatalf("%s, put back: %+v", name, r.Broken)
			}
		}
	})
}

// unguard takes the triggers from the tables of the audit.
func unguard(t *testing.T, w *apitest.World) {
	t.Helper()
	err := w.DB.InTx(w.Ctx, func(tx database.Tx) error {
		if tx.Dialect() == database.Postgres {
			for _, table := range auditTables {
				if err := tx.Exec("ALTER TABLE " + table + " DISABLE TRIGGER USER").Error; err != nil {
					return err
				}
			}
			return nil
		}
		var names []string
		if err := tx.Raw("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'audit_%'").Scan(&names).Error; err != nil {
			return err
		}
		for _, name := range names {
			if err := tx.Exec("DROP TRIGGER " + name).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
