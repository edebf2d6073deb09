package apitest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/database"
)

// What NIST SP 800-63B-4 §3.1.3 asks and no attack of docs/security.md covers already.

// N-4: a confirmation ends within ten minutes; the database holds to that whoever writes.
func TestNoConfirmationLastsLongerThanTenMinutes(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		w.Phone(ana)
		v := ask(t, w, ana)
		insert := func(life time.Duration) error {
			return w.DB.InTx(w.Ctx, func(tx database.Tx) error {
				row := map[string]any{}
				if err := tx.Table("confirmations").Where("id = ?", v.ID).Limit(1).Find(&row).Error; err != nil {
					return err
				}
				row["id"], row["session_hash"], row["expires_at"] = "cnf_copy"+life.String(), []byte(life.String()+strings.Repeat("x", 24)), v.CreatedAt.Add(life)
				return tx.Table("confirmations").Create(row).Error
			})
		}
		if err := insert(10 * time.Minute); err != nil {
			t.Errorf("ten minutes: %v", err)
		}
		if err := insert(11 * time.Minute); err == nil {
			t.Error("the database takes eleven minutes")
		}
	})
}

// N-9: the server keeps what verifies a phone and nothing that could be one.
func TestTheServerKeepsNoKeyOfAPhone(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		columns, err := w.DB.Read(w.Ctx).Migrator().ColumnTypes("devices")
		if err != nil {
			t.Fatal(err)
		}
		keys := map[string]bool{}
		for _, c := range columns {
			for _, word := range []string{"private", "secret", "symmetric", "seed", "hmac", "password"} {
				if strings.Contains(c.Name(), word) {
					t.Errorf("devices has a column %s", c.Name())
				}
			}
			if strings.HasSuffix(c.Name(), "_key") {
				keys[c.Name()] = true
			}
		}
		ana := w.Workspace("acme")
		p := w.Phone(ana)
		var spki struct{ UVKey, PollKey []byte }
		if err := w.DB.Read(w.Ctx).Raw("SELECT uv_key, poll_key FROM devices WHERE id = ?", p.ID).Scan(&spki).Error; err != nil {
			t.Fatal(err)
		}
		if !keys["uv_key"] || len(spki.UVKey) != 91 || len(spki.PollKey) != 91 { // SubjectPublicKeyInfo of P-256
			t.Errorf("columns %v, %d and %d bytes", keys, len(spki.UVKey), len(spki.PollKey))
		}
	})
}
