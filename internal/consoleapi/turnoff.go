package consoleapi

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/signin"
	"github.com/countersign/countersign/internal/workspace"
)

// turnOffAction is the action that a phone confirms; internal/assembly registers it, and ends the tokens when it is consumed.
const turnOffAction = "directory.turn_off"

// errTurnOff refuses what is neither of the two ways.
var errTurnOff = fault.New(fault.Invalid, "malformed", "people is keep or remove.")

type leavingResponse struct {
	On           bool           `json:"on"`
	People       int            `json:"people"`
	PeopleActive int            `json:"people_active"`
	Teams        int            `json:"teams"`
	Tokens       int            `json:"tokens"`
	Remove       countsResponse `json:"remove"`
	Stays        []stayResponse `json:"stays"`
}

type stayResponse struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Role   string `json:"role"`
	Reason string `json:"reason"`
}

// showTurnOff is the dry run: it says what turning the directory off would do, and does nothing.
func (a *API) showTurnOff(c *gin.Context, in signin.SignedIn) error {
	if err := changesDirectory(in); err != nil {
		return err
	}
	db := a.DB.Read(c.Request.Context())
	l, err := directory.LeavingOf(db, in.Actor)
	if err != nil {
		return err
	}
	tokens, err := liveTokens(db, in)
	if err != nil {
		return err
	}
	out := leavingResponse{On: !l.None() || tokens > 0, People: l.People, PeopleActive: l.Active, Teams: l.Teams, Tokens: tokens,
		Remove: countsResponse{People: l.Removed, Teams: l.Teams}, Stays: make([]stayResponse, len(l.Stays))}
	for i, s := range l.Stays {
		out.Stays[i] = stayResponse{ID: s.Person.ID, Name: s.Person.Name, Role: string(s.Person.Role), Reason: s.Reason}
	}
	c.JSON(http.StatusOK, out)
	return nil
}

// liveTokens is how many tokens open the directory now.
func liveTokens(db *gorm.DB, in signin.SignedIn) (int, error) {
	all, err := workspace.Tokens(db, in.Actor.Workspace)
	n := 0
	for _, t := range all {
		if t.Live(in.Now) {
			n++
		}
	}
	return n, err
}

type turnOffParams struct {
	People string `json:"people"`
}

type turnOffRequest struct {
	turnOffParams
	ConfirmationID string `json:"confirmation_id"`
}

type turnedOffResponse struct {
	People  string `json:"people"`
	Kept    int    `json:"kept"`
	Removed int    `json:"removed"`
	Teams   int    `json:"teams"`
	Tokens  int    `json:"tokens"`
}

// turnOff does what the phone has signed; the body has to say the same.
func (a *API) turnOff(c *gin.Context, in signin.SignedIn) error {
	if err := changesDirectory(in); err != nil {
		return err
	}
	req, err := httpkit.Decode[turnOffRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if req.People != directory.KeepPeople && req.People != directory.RemovePeople {
		return errTurnOff
	}
	params, err := json.Marshal(req.turnOffParams)
	if err != nil {
		return err
	}
	out := turnedOffResponse{People: req.People}
	done, err := a.Directory.TurnOff(c.Request.Context(), in.Actor, req.People, func(tx database.Tx) error {
		var err error
		if out.Tokens, err = liveTokens(tx.DB, in); err != nil {
			return err
		}
		return a.Confirms.SpendWith(tx, in.Actor, confirmationID(req.ConfirmationID), turnOffAction, "", params)
	})
	if err != nil {
		return err
	}
	out.Kept, out.Removed, out.Teams = done.People-done.Removed, done.Removed, done.Teams
	c.JSON(http.StatusOK, out)
	return nil
}
