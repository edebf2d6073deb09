package assembly

import (
	"fmt"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/workspace"
)

// TurnOff ends the directory of a workspace. Its parameters are a TurnOffParams.
const TurnOff = "directory.turn_off"

// TurnOffParams say what becomes of the people: directory.KeepPeople or directory.RemovePeople.
type TurnOffParams struct {
	People string `json:"people"`
}

var errTurnOff = fault.New(fault.Invalid, "malformed", "people is keep or remove.")

func turnOffParams(raw []byte) (p TurnOffParams, err error) {
	if raw == nil {
		return p, errTurnOff
	}
	if err := httpkit.Strict(raw, &p); err != nil {
		return p, err
	}
	if p.People != directory.KeepPeople && p.People != directory.RemovePeople {
		return p, errTurnOff
	}
	return p, nil
}

// registerTurnOff adds it. Consuming it ends the tokens; the people and teams are the business of who spends it, in the same transaction.
func (m *Domains) registerTurnOff() {
	m.Confirms.Register(confirm.Action{Name: TurnOff, Says: "Turn off directory sync", Roles: directory.ManagerRoles, Lowest: confirm.Code, Locks: true, Needs: true,
		Params: func(raw []byte) error {
			_, err := turnOffParams(raw)
			return err
		},
		Resource: func(tx database.Tx, by actor.Actor, asked string, now time.Time) (string, error) {
			if asked != "" {
				return "", confirm.ErrUnknownAction
			}
			l, err := directory.LeavingOf(tx.DB, by)
			if err != nil || !l.None() {
				return "", err
			}
			live, err := liveTokens(tx, by.Workspace, now)
			if err == nil && len(live) == 0 {
				err = directory.ErrAlreadyOff
			}
			return "", err
		},
		Shows: func(tx database.Tx, by actor.Actor, _ string, raw []byte) (string, error) {
			p, err := turnOffParams(raw)
			if err != nil {
				return "", err
			}
			l, err := directory.LeavingOf(tx.DB, by)
			if p.People == directory.RemovePeople {
				return fmt.Sprintf("Turn off directory sync and DELETE people: %d, teams: %d", l.Removed, l.Teams), err
			}
			return fmt.Sprintf("Turn off directory sync and keep people: %d, teams: %d", l.People, l.Teams), err
		},
		Consume: func(tx database.Tx, by actor.Actor, done confirm.Confirmed) error {
			live, err := liveTokens(tx, by.Workspace, done.At)
			if err != nil {
				return err
			}
			for _, t := range live {
				if err := m.Workspaces.Revoke(tx, by, by.Workspace, t.ID, "Directory sync was turned off"); err != nil {
					return err
				}
			}
			// The silence that follows is meant: nobody is warned of it.
			return tx.Exec(`INSERT INTO sync_told (workspace_id, state, told_at) VALUES (?, ?, ?)
				ON CONFLICT (workspace_id) DO UPDATE SET state = excluded.state, told_at = excluded.told_at`, by.Workspace, string(provisioning.Stopped), done.At).Error
		}})
}

func liveTokens(tx database.Tx, in string, now time.Time) ([]workspace.Token, error) {
	all, err := workspace.Tokens(tx.DB, in)
	var live []workspace.Token
	for _, t := range all {
		if t.Live(now) {
			live = append(live, t)
		}
	}
	return live, err
}
