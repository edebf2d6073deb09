package assembly

import (
	"strings"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
)

// The actions of recovery, confirmed like every other one. Both are spent by the console's own calls.
const (
	ApproveRecovery = "recovery.approve" // a colleague's lost phone; resource "recovery:" and the id of the question
	MakeCodes       = "recovery.codes"   // ten new recovery codes
	recoveryPrefix  = "recovery:"
)

// registerRecovery adds what recovery has confirmed. Whether somebody may approve is asked again when the confirmation is spent.
func registerRecovery(c *confirm.Service) {
	c.Register(confirm.Action{Name: MakeCodes, Says: "Make new recovery codes. The old ones stop working", Lowest: confirm.Code})
	c.Register(confirm.Action{Name: ApproveRecovery, Says: "Let a colleague pair a new phone", Roles: directory.AdminRoles, Lowest: confirm.Code,
		Resource: func(tx database.Tx, by actor.Actor, asked string, _ time.Time) (string, error) {
			_, err := appealOf(tx, by, asked)
			return asked, err
		},
		Shows: func(tx database.Tx, by actor.Actor, resource string, _ []byte) (string, error) {
			a, err := appealOf(tx, by, resource)
			// The companion finds name and words in this sentence (webapp/src/companion/facts.ts); every other app shows it as it is.
			return "Let " + device.Plain(a.Person.Name) + " pair a new phone. The words: " + a.Words, err
		}})
}

func appealOf(tx database.Tx, by actor.Actor, resource string) (device.Appeal, error) {
	id, ok := strings.CutPrefix(resource, recoveryPrefix)
	if !ok {
		return device.Appeal{}, confirm.ErrUnknownAction
	}
	return device.Approvable(tx, by, id)
}
