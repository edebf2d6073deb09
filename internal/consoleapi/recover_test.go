package consoleapi_test

import (
	"net/http"
	"testing"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/phonesim"
)

func TestAPersonWhoLostTheOnlyPhonePairsANewOneWithTheOperatorsLink(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		if err := ana.Pair(phonesim.Options{}).Remove(s.Ctx); err != nil {
			t.Fatal(err)
		}
		if r := ana.Do("POST", "/v1/pairings", map[string]string{}); r.Status != http.StatusForbidden || r.Code() != "recovery_required" {
			t.Fatalf("without recovery: %d %s", r.Status, r.Body)
		}
		me := ana.Do("GET", "/v1/session", nil)
		person, workspace := me.JSON["person"].(map[string]any)["id"].(string), me.JSON["workspace"].(map[string]any)["id"].(string)
		var secret string
		s.InTx(func(tx database.Tx) (err error) {
			secret, _, err = s.Devices.OpenRecovery(tx, actor.Actor{Kind: actor.Operator, Workspace: workspace}, person)
			return err
		})
		eve := s.Owner("evil")
		if r := eve.Do("POST", "/v1/session/recover", map[string]string{"token": secret}); r.Status != http.StatusGone || r.Code() != "recovery_expired" {
			t.Errorf("somebody else: %d %s", r.Status, r.Body)
		}
		if r := ana.Do("POST", "/v1/session/recover", map[string]string{"token": secret}); r.Status != http.StatusNoContent {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		ana.Pair(phonesim.Options{Name: "New phone"})
		if r := ana.Do("POST", "/v1/session/recover", map[string]string{"token": secret}); r.Status != http.StatusGone {
			t.Errorf("twice: %d %s", r.Status, r.Body)
		}
	})
}
