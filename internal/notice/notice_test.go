package notice_test

import (
	"errors"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/notice"
)

func TestEveryoneIsToldOnceAndSeesTheirOwn(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		ben := w.Colleague(ana, "ben", directory.Admin)
		now, err := w.DB.Now(w.Ctx)
		if err != nil {
			t.Fatal(err)
		}
		tell := func(kind string, at time.Time, people ...string) {
			w.InTx(func(tx database.Tx) error {
				return notice.Tell(tx, ana.Workspace, people, kind, notice.Params{"device": "Pixel"}, at)
			})
		}
		tell("device.added", now, ana.Person, ben.Person, ana.Person, "")
		tell("device.removed", now.Add(time.Second), ana.Person)
		all, unseen, err := notice.Of(w.DB.Read(w.Ctx), ana)
		if err != nil || unseen != 2 || len(all) != 2 || all[0].Kind != "device.removed" || all[1].Params["device"] != "Pixel" {
			t.Fatalf("%+v, %d unseen, %v", all, unseen, err)
		}
		if err := notice.Seen(w.Ctx, w.DB, ben, all[0].ID); !errors.Is(err, fault.ErrNotFound) {
			t.Errorf("somebody else's notice: %v", err)
		}
		if err := notice.Seen(w.Ctx, w.DB, ana, all[0].ID); err != nil {
			t.Fatal(err)
		}
		first, _, err := notice.Of(w.DB.Read(w.Ctx), ana)
		if err != nil || first[0].SeenAt == nil {
			t.Fatalf("%+v, %v", first, err)
		}
		w.Offset.Advance(time.Hour)
		if err := notice.Seen(w.Ctx, w.DB, ana, all[0].ID); err != nil {
			t.Fatal(err)
		}
		again, unseen, err := notice.Of(w.DB.Read(w.Ctx), ana)
		if err != nil || unseen != 1 || !again[0].SeenAt.Equal(*first[0].SeenAt) {
			t.Errorf("seen twice: %+v, %d unseen, %v", again, unseen, err)
		}
	})
}

func TestNoticesAreSweptAfterNinetyDays(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		now, err := w.DB.Now(w.Ctx)
		if err != nil {
			t.Fatal(err)
		}
		w.InTx(func(tx database.Tx) error {
			return errors.Join(notice.Tell(tx, ana.Workspace, []string{ana.Person}, "old", nil, now.Add(-91*24*time.Hour)),
				notice.Tell(tx, ana.Workspace, []string{ana.Person}, "young", nil, now.Add(-89*24*time.Hour)))
		})
		if err := notice.Sweep(w.Ctx, w.DB); err != nil {
			t.Fatal(err)
		}
		if all, _, err := notice.Of(w.DB.Read(w.Ctx), ana); err != nil || len(all) != 1 || all[0].Kind != "young" {
			t.Errorf("left: %+v, %v", all, err)
		}
	})
}
