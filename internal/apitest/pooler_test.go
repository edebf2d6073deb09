package apitest_test

import (
	"testing"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
)

// TestBehindAPoolerNothingIsPrepared lives a confirmation as a service does whose database URL leads through a pooler: the next statement may run in
// another session, where what was prepared is not known, or is known already.
func TestBehindAPoolerNothingIsPrepared(t *testing.T) {
	url := dbtest.URL(t, database.Postgres)
	w := apitest.With(t, url, func(d *assembly.Deps) { d.DB = dbtest.Open(t, url, database.BehindPooler(url)) })
	if _, _, err := w.DB.Migrate(w.Ctx); err != nil {
		t.Fatal(err)
	}
	ana := w.Workspace("acme")
	phone := w.Phone(ana)
	for range 2 {
		asked, _, err := w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.RevealToken})
		if err != nil {
			t.Fatal(err)
		}
		if state, err := phone.Approve(asked.ID, asked.Code); err != nil || state != confirm.Approved {
			t.Fatalf("%s, %v", state, err)
		}
		if _, err := w.Confirms.Collect(w.Ctx, ana, asked.ID); err != nil {
			t.Fatal(err)
		}
	}
	w.Colleague(ana, "Ben", directory.Admin)
	var kept int
	if err := w.DB.Read(w.Ctx).Raw("SELECT count(*) FROM pg_prepared_statements").Scan(&kept).Error; err != nil || kept != 0 {
		t.Errorf("%d statements are prepared, %v", kept, err)
	}
	if err := database.ProbePooled(t.Context(), url); err != nil {
		t.Errorf("Postgres itself is taken for a pooler: %v", err)
	}
}
