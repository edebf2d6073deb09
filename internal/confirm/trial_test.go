package confirm_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/scim"
)

func TestATestNotificationReachesOnesOwnPhoneAlone(t *testing.T) {
	withFCM(t, func(t *testing.T, p *pushed) {
		ben := p.Colleague(p.ana, "ben", directory.Admin)
		mute := p.Phone(ben)
		for name, tt := range map[string]struct {
			id   string
			want error
		}{
			"a colleague's":        {p.phone.ID, fault.ErrNotFound},
			"unknown":              {"dev_none", fault.ErrNotFound},
			"without push address": {mute.ID, confirm.ErrNoPush},
		} {
			if _, err := p.Confirms.TryPush(t.Context(), ben, tt.id); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		res, err := p.Confirms.TryPush(t.Context(), p.ana, p.phone.ID)
		if err != nil || res.Outcome != push.Sent {
			t.Fatalf("%+v %v", res, err)
		}
		if d := p.delivered(t, `"test"`); !strings.Contains(string(d.Payload), `"tst_`) {
			t.Errorf("pushed %s", d.Payload)
		}
		err = p.DB.InTx(t.Context(), func(tx database.Tx) error {
			now, err := tx.Now()
			if err != nil {
				return err
			}
			return p.Confirms.PushNews(tx, p.ana.Workspace, []string{ben.Person, p.ana.Person}, now, now.Add(time.Hour))
		})
		if err != nil {
			t.Fatal(err)
		}
		if d := p.delivered(t, `"news"`); !strings.Contains(string(d.Payload), `"nws_`) || strings.Contains(string(d.Payload), p.ana.Workspace) {
			t.Errorf("pushed %s", d.Payload)
		}
		if d, err := device.Find(p.DB.Read(t.Context()), p.ana.Workspace, p.phone.ID); err != nil || d.PushState != "working" || d.Delivered == nil {
			t.Errorf("the phone's row: %+v %v", d, err)
		}
	})
}

func TestSuperAdminsArePushedWhenTheirOwnerIsTurnedOff(t *testing.T) {
	withFCM(t, func(t *testing.T, p *pushed) {
		cleo := p.Colleague(p.ana, "cleo", directory.SuperAdmin)
		p.PhoneWith(cleo, apitest.NoConfirmation, `{"kind":"fcm","token":"registration-of-cleo"}`)
		provider := actor.Actor{Kind: actor.Provider, Workspace: p.ana.Workspace, Token: "tok_test", Name: "test"}
		scimmed := directory.NewProvisioning(p.Directory, "https://acme.test", []byte("a key of the test"), time.Now)
		user, err := scimmed.UserType().Read(scim.Resource{"userName": "ana@acme.test"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := scimmed.CreateUser(t.Context(), provider, user); err != nil { // whom the provider names is its own from then on
			t.Fatal(err)
		}
		if err := scimmed.DeleteUser(t.Context(), provider, p.ana.Person, nil); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for {
			d, err := p.fake.Wait(ctx, "registration-of-cleo")
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(d.Payload), `"news"`) {
				continue // the phone's own activation
			}
			if strings.Contains(string(d.Payload), "Ana") || strings.Contains(string(d.Payload), p.ana.Workspace) {
				t.Errorf("pushed %s", d.Payload)
			}
			return
		}
	})
}
