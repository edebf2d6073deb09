package assembly

import (
	"fmt"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apikey"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/httpkit"
)

// MakeAPIKey is the action of making a key for the console's API; it is spent by the console's own call.
const MakeAPIKey = "apikey.create"

// registerAPIKeys adds it: the phone shows and signs the key's name, its scopes and how long it lives.
func registerAPIKeys(c *confirm.Service) {
	read := func(raw []byte) (w apikey.Wanted, err error) {
		if raw == nil {
			return w, apikey.ErrScopes
		}
		if err := httpkit.Strict(raw, &w); err != nil {
			return w, err
		}
		return w, w.Check()
	}
	c.Register(confirm.Action{Name: MakeAPIKey, Says: "Make an API key", Roles: directory.AdminRoles, Lowest: confirm.Code, Guarded: true, Needs: true,
		Params: func(raw []byte) error {
			_, err := read(raw)
			return err
		},
		Shows: func(_ database.Tx, _ actor.Actor, _ string, raw []byte) (string, error) {
			w, err := read(raw)
			return fmt.Sprintf("Make the API key “%s” for %d days, to %s", device.Plain(w.Name), w.Life(), apikey.Says(w.Scopes)), err
		}})
}
