package assembly

import (
	"strings"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
)

// FeedAddresses lets other attributes of the directory feed people's addresses, by which they sign in. Its parameters are an AddressParams; the
// console's own call spends it.
const FeedAddresses = "directory.mapping"

// AddressParams are the sources of the address; none are the default ones.
type AddressParams struct {
	Email []string `json:"email"`
}

var errAddressParams = fault.New(fault.Invalid, "malformed", "email is the list of the address's sources.")

func registerMapping(c *confirm.Service) {
	read := func(raw []byte) (p AddressParams, err error) {
		if raw == nil {
			return p, errAddressParams
		}
		if err := httpkit.Strict(raw, &p); err != nil {
			return p, err
		}
		if p.Email == nil {
			return p, errAddressParams
		}
		return p, nil
	}
	c.Register(confirm.Action{Name: FeedAddresses, Says: "Change where people's e-mail addresses come from", Roles: directory.ManagerRoles, Lowest: confirm.Code, Locks: true, Needs: true,
		Params: func(raw []byte) error {
			_, err := read(raw)
			return err
		},
		Resource: func(_ database.Tx, _ actor.Actor, asked string, _ time.Time) (string, error) {
			if asked != "" {
				return "", confirm.ErrUnknownAction
			}
			return "", nil
		},
		Shows: func(_ database.Tx, _ actor.Actor, _ string, raw []byte) (string, error) {
			p, err := read(raw)
			if err != nil || len(p.Email) == 0 {
				return "Take people's e-mail addresses from the usual attributes again", err
			}
			return "Take people's e-mail addresses from " + device.Whole(strings.Join(p.Email, ", ")), nil
		}})
}
