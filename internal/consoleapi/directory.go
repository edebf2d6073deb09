package consoleapi

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/signin"
	"github.com/countersign/countersign/internal/workspace"
)

// silentAfter is how long an identity provider may not have called before the state says so. Entra ID calls every 40 minutes, others only when
// something changes.
const silentAfter = 24 * time.Hour

type directoryResponse struct {
	TenantURL       string          `json:"tenant_url"`
	TenantURLStrict string          `json:"tenant_url_strict"`
	IDP             idpResponse     `json:"idp"`
	Status          statusResponse  `json:"status"`
	Token           *tokenResponse  `json:"token"`
	Tokens          []tokenResponse `json:"tokens"`
	Counts          countsResponse  `json:"counts"`
	Phone           phoneResponse   `json:"phone"`
	Can             canResponse     `json:"can"`
	// Overlap is there while a replaced token lives on, Refused while a token is sent that opens nothing.
	Overlap *overlapResponse `json:"overlap,omitempty"`
	Refused *refusedResponse `json:"refused,omitempty"`
}

type idpResponse struct {
	Name *string `json:"name"`
	SSO  string  `json:"sso"`
}

type statusResponse struct {
	State        string     `json:"state"`
	LastRequest  *time.Time `json:"last_request_at,omitempty"`
	LastClient   string     `json:"last_client,omitempty"`
	NextExpected *time.Time `json:"next_expected_at,omitempty"`
	Open         int64      `json:"open"`
	Sentences    []string   `json:"sentences,omitempty"`
}

type tokenResponse struct {
	ID          string     `json:"id"`
	Hint        string     `json:"hint"`
	CreatedAt   time.Time  `json:"created_at"`
	CreatedBy   string     `json:"created_by"`
	LastUsedAt  *time.Time `json:"last_used_at,omitempty"`
	LastUsedBy  string     `json:"last_used_by,omitempty"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty"`
	ValidUntil  *time.Time `json:"valid_until,omitempty"`
	State       string     `json:"state"`
	Reason      string     `json:"reason,omitempty"`
	Note        string     `json:"note,omitempty"`
	Replaces    string     `json:"replaces,omitempty"`
	ReplacedAt  *time.Time `json:"replaced_at,omitempty"`
	RevokedAt   *time.Time `json:"revoked_at,omitempty"`
	EndedBy     string     `json:"ended_by,omitempty"`
	Exposed     bool       `json:"exposed"`
	AddressMode string     `json:"address_mode"`
}

type countsResponse struct {
	People int `json:"people"`
	Teams  int `json:"teams"`
}

type phoneResponse struct {
	Ready     bool       `json:"ready"`
	Name      string     `json:"name,omitempty"`
	LastSeen  *time.Time `json:"last_seen,omitempty"`
	Push      bool       `json:"push"` // one of the person's phones can be notified
	Delivered *time.Time `json:"delivered_at,omitempty"`
}

type canResponse struct {
	View       bool `json:"view"`
	Regenerate bool `json:"regenerate"`
	Ask        bool `json:"ask"` // for a regeneration, which an Owner or Super Admin has to approve as well
}

func (a *API) showDirectory(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "open Workspace Configuration", directory.AdminRoles...); err != nil {
		return err
	}
	db := a.DB.Read(c.Request.Context())
	tokens, err := workspace.Tokens(db, in.Actor.Workspace)
	if err != nil {
		return err
	}
	counts, err := directory.Count(db, in.Actor.Workspace)
	if err != nil {
		return err
	}
	phones, err := device.ActiveOf(db, in.Actor.Workspace, in.Actor.Person)
	if err != nil {
		return err
	}
	told, err := a.syncStatus(c, in, tokens)
	if err != nil {
		return err
	}
	sso, err := ssoState(db, in.Actor.Workspace)
	if err != nil {
		return err
	}
	url := a.PublicURL + "/v1/scim/v2"
	out := directoryResponse{TenantURL: url, TenantURLStrict: url + "?aadOptscim062020", IDP: idpResponse{SSO: sso},
		Status: told, Tokens: make([]tokenResponse, len(tokens)), Counts: countsResponse{counts.People, counts.Teams},
		Phone: phone(phones), Can: canResponse{View: in.Actor.Admin(), Regenerate: in.Actor.Manager(), Ask: in.Actor.Admin() && !in.Actor.Manager()}}
	if out.Status.LastClient != "" {
		out.IDP.Name = &out.Status.LastClient
	}
	for i, t := range tokens {
		out.Tokens[i] = presentToken(t, in.Now)
		if t.State == workspace.Active {
			out.Token = &out.Tokens[i]
		}
	}
	if out.Overlap, err = a.overlap(c, in, db, tokens); err != nil {
		return err
	}
	if out.Refused, err = refused(in, db, tokens); err != nil {
		return err
	}
	c.JSON(http.StatusOK, out)
	return nil
}

func presentToken(t workspace.Token, now time.Time) tokenResponse {
	return tokenResponse{ID: t.ID, Hint: t.Hint, CreatedAt: t.CreatedAt, CreatedBy: t.CreatedBy, LastUsedAt: optional(t.LastUsedAt),
		LastUsedBy: t.LastUsedBy, ExpiresAt: optional(t.ExpiresAt), ValidUntil: optional(t.ValidUntil), State: string(t.At(now)),
		Reason: t.Reason, Note: t.Note, Replaces: t.Replaces, ReplacedAt: optional(t.ReplacedAt), RevokedAt: optional(t.RevokedAt), EndedBy: t.EndedBy,
		Exposed: t.Exposed, AddressMode: string(t.Addresses.Mode)}
}

// status is told by the tokens, for a workspace whose log is empty: whether one is live, and when and by whom any of them was used last.
func status(tokens []workspace.Token, now time.Time) statusResponse {
	var s statusResponse
	live := false
	for _, t := range tokens {
		live = live || t.Live(now)
		if t.LastUsedAt != nil && (s.LastRequest == nil || t.LastUsedAt.After(*s.LastRequest)) {
			s.LastRequest, s.LastClient = t.LastUsedAt, t.LastUsedBy
		}
	}
	switch {
	case !live:
		s.State = "not_set_up"
	case s.LastRequest == nil:
		s.State = "waiting"
	case now.Sub(*s.LastRequest) > silentAfter:
		s.State = "silent"
	default:
		s.State = "healthy"
	}
	return s
}

// phone is the phone that a person's next confirmation is most likely answered on: the one seen last.
func phone(phones []device.Device) phoneResponse {
	out := phoneResponse{Ready: len(phones) > 0}
	for i, d := range phones {
		if i == 0 || (d.LastSeen != nil && (out.LastSeen == nil || d.LastSeen.After(*out.LastSeen))) {
			out.Name, out.LastSeen, out.Delivered = d.Name, d.LastSeen, optional(d.Delivered)
		}
		out.Push = out.Push || d.PushState == "registered" || d.PushState == "working"
	}
	return out
}
