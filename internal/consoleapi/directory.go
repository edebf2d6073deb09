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
	ID         string     `json:"id"`
	Hint       string     `json:"hint"`
	CreatedAt  time.Time  `json:"created_at"`
	CreatedBy  string     `json:"created_by"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	LastUsedBy string     `json:"last_used_by,omitempty"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	ValidUntil *time.Time `json:"valid_until,omitempty"`
	State      string     `json:"state"`
}

type countsResponse struct {
	People int `json:"people"`
	Teams  int `json:"teams"`
}

type phoneResponse struct {
	Ready    bool       `json:"ready"`
	Name     string     `json:"name,omitempty"`
	LastSeen *time.Time `json:"last_seen,omitempty"`
}

type canResponse struct {
	View       bool `json:"view"`
	Regenerate bool `json:"regenerate"`
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
	url := a.PublicURL + "/v1/scim/v2"
	out := directoryResponse{TenantURL: url, TenantURLStrict: url + "?aadOptscim062020", IDP: idpResponse{SSO: "not_configured"},
		Status: told, Tokens: make([]tokenResponse, len(tokens)), Counts: countsResponse{counts.People, counts.Teams},
		Phone: phone(phones), Can: canResponse{View: in.Actor.Admin(), Regenerate: in.Actor.Manager()}}
	if out.Status.LastClient != "" {
		out.IDP.Name = &out.Status.LastClient
	}
	for i, t := range tokens {
		out.Tokens[i] = presentToken(t, in.Now)
		if t.State == workspace.Active {
			out.Token = &out.Tokens[i]
		}
	}
	c.JSON(http.StatusOK, out)
	return nil
}

func presentToken(t workspace.Token, now time.Time) tokenResponse {
	return tokenResponse{ID: t.ID, Hint: t.Hint, CreatedAt: t.CreatedAt, CreatedBy: t.CreatedBy, LastUsedAt: optional(t.LastUsedAt),
		LastUsedBy: t.LastUsedBy, ExpiresAt: optional(t.ExpiresAt), ValidUntil: optional(t.ValidUntil), State: string(t.At(now))}
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
			out.Name, out.LastSeen = d.Name, d.LastSeen
		}
	}
	return out
}
