package consoleapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/signin"
)

// sampleFault is what is wrong with a sample in the console's own words: SCIM's codes are SCIM's.
func sampleFault(err error) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Kind == fault.Invalid && !f.Is(directory.ErrMapping) {
		return directory.ErrMapping.Saying("The sample: %s", f.Detail)
	}
	return err
}

type roleMappingBody struct {
	Rules []directory.RoleRule `json:"rules"`
	// OfferRoles shows the workspace's roles to the provider at /Roles, in the form that Okta reads; absent leaves it as it is.
	OfferRoles *bool `json:"offer_roles,omitempty"`
	// KeepOnReturn lets who is switched on again by the provider have the admin's role they had by hand.
	KeepOnReturn bool `json:"keep_on_return"`
}

// Validate is httpkit.Validator: leaving the rules out is not clearing them.
func (b roleMappingBody) Validate() error { return needed(b.Rules != nil, "rules") }

func (b roleMappingBody) mapping() directory.RoleMapping {
	return directory.RoleMapping{Rules: b.Rules, KeepOnReturn: b.KeepOnReturn}
}

func (b roleMappingBody) settings() directory.RoleSettings {
	return directory.RoleSettings{RoleMapping: b.mapping(), OfferRoles: b.OfferRoles}
}

type setRolesRequest struct {
	roleMappingBody
	Was *roleMappingBody `json:"was"` // what held when the change was begun; absent: whatever holds
}

// Validate is httpkit.Validator.
func (r setRolesRequest) Validate() error {
	if r.Was != nil && r.Was.Rules == nil {
		return needed(false, "rules of what it was")
	}
	return r.roleMappingBody.Validate()
}

// was is what the change was begun with; nil where nobody says.
func (r setRolesRequest) was() *directory.RoleSettings {
	if r.Was == nil {
		return nil
	}
	s := r.Was.settings()
	return &s
}

type roleMappingResponse struct {
	Rules        []directory.RoleRule `json:"rules"`
	OfferRoles   bool                 `json:"offer_roles"`
	KeepOnReturn bool                 `json:"keep_on_return"`
	Changed      *int                 `json:"changed,omitempty"` // people whose role is another now
}

func (a *API) showRoleMapping(c *gin.Context, in signin.SignedIn) error {
	if err := seesDirectory(in); err != nil {
		return err
	}
	return a.answerRoleMapping(c, in, nil)
}

func (a *API) answerRoleMapping(c *gin.Context, in signin.SignedIn, changed *int) error {
	m, offers, err := a.Directory.RoleMappingOf(c.Request.Context(), in.Actor.Workspace)
	if err != nil {
		return err
	}
	out := roleMappingResponse{Rules: m.Rules, OfferRoles: offers, KeepOnReturn: m.KeepOnReturn, Changed: changed}
	if out.Rules == nil {
		out.Rules = []directory.RoleRule{}
	}
	c.JSON(http.StatusOK, out)
	return nil
}

func (a *API) setRoleMapping(c *gin.Context, in signin.SignedIn) error {
	if err := changesDirectory(in); err != nil {
		return err
	}
	req, err := httpkit.Decode[setRolesRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	n, err := a.Directory.SetRolesFrom(c.Request.Context(), in.Actor, req.was(), req.settings())
	if err != nil {
		return err
	}
	return a.answerRoleMapping(c, in, &n)
}

type roleChangeResponse struct {
	PersonID   string         `json:"person_id"`
	PersonName string         `json:"person_name"`
	UserName   string         `json:"user_name"`
	From       directory.Role `json:"from"`
	To         directory.Role `json:"to"`
	TeamID     string         `json:"team_id,omitempty"`  // of the rule that counts
	AppRole    string         `json:"app_role,omitempty"` // of the rule that counts
}

type rolePreviewRequest struct {
	roleMappingBody
	Sample json.RawMessage `json:"sample"`  // a user as a SCIM request holds it
	CallID string          `json:"call_id"` // of the provisioning log: the user that this stored call sent
}

type roleSampleResponse struct {
	UserName string         `json:"user_name"`
	Role     directory.Role `json:"role"`
	PersonID string         `json:"person_id,omitempty"` // of somebody who is there already
	TeamID   string         `json:"team_id,omitempty"`   // of the rule that counts
	AppRole  string         `json:"app_role,omitempty"`  // of the rule that counts
}

type rolePreviewResponse struct {
	Changed int                  `json:"changed"`
	Changes []roleChangeResponse `json:"changes"`
	Sample  *roleSampleResponse  `json:"sample,omitempty"`
}

func (a *API) previewRoleMapping(c *gin.Context, in signin.SignedIn) error {
	if err := seesDirectory(in); err != nil {
		return err
	}
	req, err := httpkit.Decode[rolePreviewRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	sample, err := a.roleSample(c, in, req)
	if err != nil {
		return err
	}
	changes, err := a.Directory.PreviewRoles(c.Request.Context(), in.Actor.Workspace, req.mapping())
	if err != nil {
		return err
	}
	out := rolePreviewResponse{Changed: len(changes), Changes: []roleChangeResponse{}, Sample: sample}
	for _, ch := range changes[:min(len(changes), longestPage)] {
		out.Changes = append(out.Changes, roleChangeResponse{PersonID: ch.Person.ID, PersonName: ch.Person.Name, UserName: ch.Person.UserName, From: ch.From, To: ch.To,
			TeamID: ch.Because.Team, AppRole: ch.Because.AppRole})
	}
	c.JSON(http.StatusOK, out)
	return nil
}

// roleSample is the role that a mapping gives one user: one in the request, or the one that a stored call sent; nil where none was asked for.
func (a *API) roleSample(c *gin.Context, in signin.SignedIn, req rolePreviewRequest) (*roleSampleResponse, error) {
	user, err := a.sample(c, in, mappingPreviewRequest{Sample: req.Sample, CallID: req.CallID})
	if err != nil || user == nil {
		return nil, err
	}
	ch, err := a.Directory.SampleRole(c.Request.Context(), in.Actor.Workspace, req.mapping(), user)
	if err != nil {
		return nil, sampleFault(err)
	}
	return &roleSampleResponse{UserName: ch.Person.UserName, Role: ch.To, PersonID: ch.Person.ID, TeamID: ch.Because.Team, AppRole: ch.Because.AppRole}, nil
}

func (a *API) showGuard(c *gin.Context, in signin.SignedIn) error {
	if err := seesDirectory(in); err != nil {
		return err
	}
	g, err := a.Directory.Guard(c.Request.Context(), in.Actor.Workspace)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, g)
	return nil
}

type guardRequest struct {
	Enabled *bool `json:"enabled"`
	Count   *int  `json:"count"`
	Percent *int  `json:"percent"`
}

// Validate is httpkit.Validator: a policy is said whole.
func (r guardRequest) Validate() error {
	return needed(r.Enabled != nil && r.Count != nil && r.Percent != nil, "enabled, count or percent")
}

func (a *API) setGuard(c *gin.Context, in signin.SignedIn) error {
	if err := changesDirectory(in); err != nil {
		return err
	}
	req, err := httpkit.Decode[guardRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	g := directory.GuardPolicy{Enabled: *req.Enabled, Count: *req.Count, Percent: *req.Percent}
	if err := a.Directory.SetGuard(c.Request.Context(), in.Actor, g); err != nil {
		return err
	}
	c.JSON(http.StatusOK, g)
	return nil
}

type ownershipResponse struct {
	Frozen      bool       `json:"frozen"`
	FrozenAt    *time.Time `json:"frozen_at,omitempty"`
	Owner       *shortName `json:"owner,omitempty"` // absent when they were deleted
	Candidate   *shortName `json:"candidate,omitempty"`
	ProposedBy  *shortName `json:"proposed_by,omitempty"`
	ProposedAt  *time.Time `json:"proposed_at,omitempty"`
	SuperAdmins int        `json:"super_admins"`
}

type shortName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func shortOf(p *directory.Person) *shortName {
	if p == nil {
		return nil
	}
	return &shortName{ID: p.ID, Name: p.Name}
}

func (a *API) showOwnership(c *gin.Context, in signin.SignedIn) error {
	if err := seesDirectory(in); err != nil {
		return err
	}
	return a.answerOwnership(c, in)
}

func (a *API) answerOwnership(c *gin.Context, in signin.SignedIn) error {
	o, err := directory.OwnershipOf(a.DB.Read(c.Request.Context()), in.Actor.Workspace)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, ownershipResponse{Frozen: o.Frozen, FrozenAt: optional(&o.FrozenAt), Owner: shortOf(o.Owner), Candidate: shortOf(o.Candidate),
		ProposedBy: shortOf(o.ProposedBy), ProposedAt: optional(&o.ProposedAt), SuperAdmins: o.SuperAdmins})
	return nil
}

type takeOverRequest struct {
	CandidateID    string `json:"candidate_id"`
	ConfirmationID string `json:"confirmation_id"`
	RecoveryCode   string `json:"recovery_code,omitempty"` // stands for the second person
}

func (a *API) takeOver(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "take over the workspace", directory.SuperAdmin); err != nil {
		return err
	}
	req, err := httpkit.Decode[takeOverRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if !idForm.MatchString(req.CandidateID) {
		return directory.ErrCandidate
	}
	ctx := c.Request.Context()
	spend := a.spend(in, confirmedRequest{ConfirmationID: req.ConfirmationID}, "ownership.takeover", "person:"+req.CandidateID)
	if code := strings.TrimSpace(req.RecoveryCode); code != "" {
		err = a.Devices.WithCode(ctx, in.Actor, code, func(alone spending) error {
			_, err := a.Directory.TakeOver(ctx, in.Actor, req.CandidateID, spend, alone)
			return err
		})
	} else {
		_, err = a.Directory.TakeOver(ctx, in.Actor, req.CandidateID, spend, nil)
	}
	if err != nil {
		return err
	}
	return a.answerOwnership(c, in)
}
