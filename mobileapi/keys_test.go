package mobileapi_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/phonesim"
	"github.com/countersign/countersign/internal/serverkeys"
)

// rotated replaces the key that signs challenges.
func rotated(t *testing.T, s *apitest.Site) (old, fresh string) {
	t.Helper()
	s.InTx(func(tx database.Tx) (err error) {
		old, fresh, err = s.Keys.Rotate(tx, serverkeys.Challenge)
		return err
	})
	return old, fresh
}

func TestAPhoneFollowsTheServerToItsNewKey(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		kept := 0
		phone := ana.Pair(phonesim.Options{Keep: func(*phonesim.Phone) error { kept++; return nil }})
		before := ana.Ask()
		first, err := phone.Open(s.Ctx, before.Text("id"))
		if err != nil {
			t.Fatal(err)
		}
		old, _ := rotated(t, s)
		_, fresh := rotated(t, s)
		if first.KID != old {
			t.Errorf("asked under %s at first", first.KID)
		}
		if _, err := phone.Pending(s.Ctx); err != nil { // hears of it here, checks both steps, moves
			t.Fatal(err)
		}
		pinned := phone.Identity().ServerKeys
		if len(pinned) != 2 || pinned[0].KID != fresh || pinned[0].Until != 0 || pinned[1].KID != old || pinned[1].Until == 0 || kept != 2 {
			t.Errorf("it pins %+v, kept %d times", pinned, kept)
		}
		if state, err := phone.Approve(s.Ctx, before.Text("id"), phonesim.ApproveOptions{}); err != nil || state != "approved" { // asked under the old key
			t.Errorf("%s %v", state, err)
		}
		if r := ana.Do("POST", "/v1/confirmations/"+before.Text("id")+"/reveal", map[string]string{}); r.Status != http.StatusOK {
			t.Errorf("reveal: %d %s", r.Status, r.Body)
		}
		after := ana.Ask()
		c, err := phone.Open(s.Ctx, after.Text("id"))
		if err != nil || c.KID != fresh {
			t.Errorf("asked under %s, %v", c.KID, err)
		}
		if _, err := phone.Do(s.Ctx, http.MethodGet, "/v1/device/keys", nil); err != nil {
			t.Error(err)
		}
		for kid, want := range map[string]int{old: 409, "key_none": 409} {
			_, err := phone.Do(s.Ctx, http.MethodPost, "/v1/device/keys", map[string]string{"kid": kid})
			refused(t, kid, err, want, "not_current")
		}
		_, err = phone.Do(s.Ctx, http.MethodPost, "/v1/device/keys", []byte(`{"kid":"x","spki":"y"}`))
		refused(t, "an unknown field", err, 400, "unknown_field")
		_, err = phone.Do(s.Ctx, http.MethodGet, "/v1/device/keys", nil, phonesim.WithoutSignature())
		refused(t, "unsigned", err, 401, "unauthorized")
	})
}

func TestAPhoneThatWasOffDuringTheCutOverIsRemoved(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		phone := ana.Pair(phonesim.Options{})
		old, _ := rotated(t, s)
		if n, err := s.Devices.EndServerKey(s.Ctx, actor.Actor{Kind: actor.Operator, Name: "Sam"}, serverkeys.Challenge, old); err != nil || n != 1 {
			t.Fatalf("%d %v", n, err)
		}
		_, err := phone.Pending(s.Ctx)
		refused(t, "after the cut-over", err, 401, "unauthorized") // the phone says: removed, pair it again
		list := ana.Do("GET", "/v1/devices", nil)
		items, _ := list.JSON["items"].([]any)
		if len(items) != 1 || items[0].(map[string]any)["state"] != "removed" {
			t.Errorf("the console shows %s", list.Body)
		}
		if r := ana.Do("POST", "/v1/confirmations", map[string]string{"action": "scim.token.reveal"}); r.Code() != "no_device" {
			t.Errorf("asked: %d %s", r.Status, r.Body)
		}
	})
}

func TestThePhoneSaysWhichKeyItsSubscriptionWasMadeWith(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		phone := s.Owner("acme").Pair(phonesim.Options{})
		push := phonesim.Push{Kind: "webpush", Endpoint: "https://push.example.net/1", Keys: &phonesim.PushKeys{
			P256DH: "BL6EmdWVJ9KSGe7bkMAccaxMOayx4nMy3pjkCS6YSCEyUvT37n6IQdPU6xBZQH_cOWH4qaoPNZe6V3sx12Lb5ik", Auth: "AAECAwQFBgcICQoLDA0ODw"}}
		if err := phone.RegisterPush(s.Ctx, push); err != nil {
			t.Fatal(err)
		}
		if now, err := phone.PushState(s.Ctx); err != nil || !now.Registered || now.Resubscribe {
			t.Errorf("%+v %v", now, err)
		}
		s.InTx(func(tx database.Tx) error {
			_, _, err := s.Keys.Rotate(tx, serverkeys.VAPID)
			return err
		})
		if now, err := phone.PushState(s.Ctx); err != nil || !now.Registered || !now.Resubscribe {
			t.Errorf("after the rotation: %+v %v", now, err)
		}
		strange := push
		strange.VAPIDPublicKey = push.Keys.P256DH
		refused(t, "a key that is none of the server's", phone.RegisterPush(s.Ctx, strange), 400, "malformed")
		push.Endpoint = "https://push.example.net/2"
		if err := phone.RegisterPush(s.Ctx, push); err != nil {
			t.Fatal(err)
		}
		if now, err := phone.PushState(s.Ctx); err != nil || now.Resubscribe {
			t.Errorf("subscribed anew: %+v %v", now, err)
		}
	})
}

func TestAnAnnouncementOfThisServerFitsTheContract(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		phone := s.Owner("acme").Pair(phonesim.Options{})
		old, fresh := rotated(t, s)
		reply, err := phone.Do(s.Ctx, http.MethodGet, "/v1/device/keys", nil)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			ServerKey     string `json:"server_key"`
			Holds         string
			Announcements []phonesim.Announced
		}
		if err := reply.JSON(&got); err != nil || got.ServerKey != fresh || got.Holds != old || len(got.Announcements) != 1 {
			t.Fatalf("%+v %v", got, err)
		}
		id := phone.Identity()
		if key, err := id.Follow(fresh, got.Announcements); err != nil || key.KID != fresh {
			t.Errorf("%+v %v", key, err)
		}
		tampered := slices.Clone(got.Announcements)
		tampered[0].Sig = phonesim.B64(phonesim.Sign(phonesim.NewKey(), []byte("x")))
		if _, err := id.Follow(fresh, tampered); !errors.Is(err, phonesim.ErrAnnouncement) {
			t.Errorf("a stranger's signature: %v", err)
		}
		if until := phone.Identity().ServerKeys[0].Until; until != 0 && time.Unix(until, 0).After(time.Now()) {
			t.Error("looking has moved it")
		}
	})
}
