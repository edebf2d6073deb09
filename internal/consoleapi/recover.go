package consoleapi

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/mileusna/useragent"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/signin"
)

// The confirmations that recovery spends.
const (
	approveRecovery = "recovery.approve"
	makeCodes       = "recovery.codes"
)

// mountRecovery adds the calls of somebody who lost their phones, and of the colleague who helps.
func (a *API) mountRecovery(g *gin.RouterGroup) {
	g.GET("/recovery", a.session(a.showRecovery))
	g.POST("/recovery/codes", a.session(a.makeCodes))
	g.POST("/recovery/codes/use", a.session(a.useCode))
	g.GET("/recovery/requests", a.session(a.listAppeals))
	g.POST("/recovery/requests", a.session(a.askColleague))
	g.GET("/recovery/requests/:id", a.session(a.showAppeal))
	g.POST("/recovery/requests/:id/compare", a.session(a.compareWords))
	g.POST("/recovery/requests/:id/approve", a.session(a.approveAppeal))
	g.POST("/recovery/requests/:id/decline", a.session(a.declineAppeal))
	g.POST("/recovery/requests/:id/cancel", a.session(a.cancelAppeal))
}

type recoverRequest struct {
	Token string `json:"token"` // the secret behind # in the operator's link
}

// recover takes the link that an operator made for somebody who lost their phones: this session may pair one phone within an hour.
func (a *API) recover(c *gin.Context, in signin.SignedIn) error {
	req, err := httpkit.Decode[recoverRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if err := a.Devices.UseRecovery(c.Request.Context(), in.Actor, req.Token); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

type recoveryResponse struct {
	Codes     codesResponse   `json:"codes"`
	PairUntil *time.Time      `json:"pair_until,omitempty"` // this session may pair a phone until then
	Request   *appealResponse `json:"request,omitempty"`    // the person's newest question of the last day
	Approvers []named         `json:"approvers"`
}

type codesResponse struct {
	Total     int        `json:"total"`
	Left      int        `json:"left"`
	CreatedAt *time.Time `json:"created_at,omitempty"`
}

type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (a *API) showRecovery(c *gin.Context, in signin.SignedIn) error {
	s, err := a.Devices.Recovery(c.Request.Context(), in.Actor)
	if err != nil {
		return err
	}
	out := recoveryResponse{Codes: codesResponse{Total: s.Codes.Total, Left: s.Codes.Left, CreatedAt: s.Codes.CreatedAt}, PairUntil: s.PairUntil,
		Approvers: make([]named, len(s.Approvers))}
	for i, p := range s.Approvers {
		out.Approvers[i] = named(p)
	}
	if s.Appeal != nil {
		shown := presentAppeal(*s.Appeal)
		out.Request = &shown
	}
	c.JSON(http.StatusOK, out)
	return nil
}

type madeCodesResponse struct {
	Codes     []string  `json:"codes"`
	CreatedAt time.Time `json:"created_at"`
}

// makeCodes answers with the codes this once.
func (a *API) makeCodes(c *gin.Context, in signin.SignedIn) error {
	req, err := httpkit.Decode[confirmedRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	var spend func(database.Tx) error
	if req.ConfirmationID != "" {
		spend = a.spend(in, req, makeCodes, "")
	}
	codes, at, err := a.Devices.MakeCodes(c.Request.Context(), in.Actor, spend)
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, madeCodesResponse{Codes: codes, CreatedAt: at})
	return nil
}

type useCodeRequest struct {
	Code string `json:"code"`
}

type usedCodeResponse struct {
	PairUntil time.Time `json:"pair_until"`
	Left      int       `json:"left"`
}

func (a *API) useCode(c *gin.Context, in signin.SignedIn) error {
	req, err := httpkit.Decode[useCodeRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	until, left, err := a.Devices.UseCode(c.Request.Context(), in.Actor, req.Code)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, usedCodeResponse{PairUntil: until, Left: left})
	return nil
}

// appealResponse is a question to a colleague. words is there for the session that asked and, once compared, for the colleague; choices for the
// colleague before.
type appealResponse struct {
	ID        string     `json:"id"`
	State     string     `json:"state"`
	Reason    string     `json:"reason,omitempty"`
	Person    named      `json:"person"`
	Email     string     `json:"email"`
	Approver  named      `json:"approver"`
	Words     string     `json:"words,omitempty"`
	Choices   []string   `json:"choices,omitempty"`
	Compared  bool       `json:"compared"`
	Own       bool       `json:"own"`
	Note      string     `json:"note,omitempty"`
	IP        string     `json:"ip"`
	Browser   string     `json:"browser"`
	OS        string     `json:"os"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	DecidedAt *time.Time `json:"decided_at,omitempty"`
}

func presentAppeal(r device.Appeal) appealResponse {
	ua := useragent.Parse(r.UserAgent)
	return appealResponse{ID: r.ID, State: r.State, Reason: r.Reason, Person: named(r.Person), Email: r.Email, Approver: named(r.Approver), Words: r.Words,
		Choices: r.Choices, Compared: r.Compared, Own: r.Own, Note: r.Note, IP: r.IP, Browser: device.Plain(ua.Name), OS: device.Plain(ua.OS),
		CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt, DecidedAt: r.DecidedAt}
}

type appealsResponse struct {
	Items []appealResponse `json:"items"`
}

func (a *API) listAppeals(c *gin.Context, in signin.SignedIn) error {
	all, err := a.Devices.Asked(c.Request.Context(), in.Actor)
	if err != nil {
		return err
	}
	out := appealsResponse{Items: make([]appealResponse, len(all))}
	for i, r := range all {
		out.Items[i] = presentAppeal(r)
	}
	c.JSON(http.StatusOK, out)
	return nil
}

type askColleagueRequest struct {
	ApproverID string `json:"approver_id"`
	Note       string `json:"note"`
}

func (a *API) askColleague(c *gin.Context, in signin.SignedIn) error {
	req, err := httpkit.Decode[askColleagueRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if !idForm.MatchString(req.ApproverID) {
		return device.ErrApprover
	}
	r, err := a.Devices.AskColleague(c.Request.Context(), in.Actor, req.ApproverID, req.Note)
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, presentAppeal(r))
	return nil
}

// appeal runs do for the question in the path and answers with what became of it.
func (a *API) appeal(c *gin.Context, do func(id string) (device.Appeal, error)) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	r, err := do(id)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, presentAppeal(r))
	return nil
}

func (a *API) showAppeal(c *gin.Context, in signin.SignedIn) error {
	return a.appeal(c, func(id string) (device.Appeal, error) { return a.Devices.Appeal(c.Request.Context(), in.Actor, id) })
}

func (a *API) declineAppeal(c *gin.Context, in signin.SignedIn) error {
	return a.appeal(c, func(id string) (device.Appeal, error) { return a.Devices.Decline(c.Request.Context(), in.Actor, id) })
}

func (a *API) cancelAppeal(c *gin.Context, in signin.SignedIn) error {
	return a.appeal(c, func(id string) (device.Appeal, error) {
		return a.Devices.CancelAppeal(c.Request.Context(), in.Actor, id)
	})
}

type compareRequest struct {
	Words string `json:"words"`
}

// Validate is httpkit.Validator: nothing picked is no answer, and must not refuse anybody.
func (r compareRequest) Validate() error {
	if r.Words == "" {
		return httpkit.ErrMalformed.Saying("words must be one of the choices. Nothing was changed.")
	}
	return nil
}

func (a *API) compareWords(c *gin.Context, in signin.SignedIn) error {
	req, err := httpkit.Decode[compareRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	return a.appeal(c, func(id string) (device.Appeal, error) {
		return a.Devices.Compare(c.Request.Context(), in.Actor, id, req.Words)
	})
}

func (a *API) approveAppeal(c *gin.Context, in signin.SignedIn) error {
	req, err := httpkit.Decode[confirmedRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	return a.appeal(c, func(id string) (device.Appeal, error) {
		spend := a.spend(in, req, approveRecovery, "recovery:"+id)
		return a.Devices.ApproveAppeal(c.Request.Context(), in.Actor, id, confirmationID(req.ConfirmationID), spend)
	})
}
