package sso

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/vault"
)

// SealedHints is where the ID tokens lie that providers want to see again when somebody signs out.
var SealedHints = vault.Place{Name: "sign-out hints of identity providers", Table: "sso_sessions", Column: "hint_sealed", Key: []string{"id"},
	About: func(key []string) string { return aboutHint(key[0]) }}

// signingOut is the version of requests that sign somebody out: no provider's settings have it, so such a request never signs anybody in.
const signingOut = 0

type sessionRow struct {
	ID          string
	WorkspaceID string
	Issuer      string
	HintSealed  []byte
	ExpiresAt   time.Time
}

func (sessionRow) TableName() string { return "sso_sessions" }

func aboutHint(id string) string { return "sso session|" + id }

// SignedOutURL is where a provider sends people back to after they have signed out there; it is registered there too.
func (s *Service) SignedOutURL() string { return s.PublicURL + "/v1/sso/signed-out" }

// Keep keeps, for as long as a session can last, what who's provider wants to see again when they sign out, and returns its id; "" where the
// provider offers no signing out.
func (s *Service) Keep(tx database.Tx, who Identity, life time.Duration) (string, error) {
	if len(who.SignOutHint) == 0 {
		return "", nil
	}
	now, err := tx.Now()
	if err != nil {
		return "", err
	}
	r := sessionRow{ID: ident.New("ssn"), WorkspaceID: who.Provider.Workspace, Issuer: who.Issuer, ExpiresAt: now.Add(life)}
	if r.HintSealed, err = s.Vault.Seal(who.SignOutHint, aboutHint(r.ID)); err != nil {
		return "", err
	}
	return r.ID, tx.Create(&r).Error
}

// SignOutURL is where to send a browser so that its person is signed out at the provider as well (OpenID Connect RP-Initiated Logout 1.0 §2),
// by what Keep returned. Afterwards the provider sends the browser to SignedOutURL, and from there it goes to the console's path returnTo.
// ErrNone where there is nothing to sign out of any more.
func (s *Service) SignOutURL(ctx context.Context, workspace, kept string, browser []byte, returnTo string) (string, error) {
	var rows []sessionRow
	if err := s.DB.Read(ctx).Where("id = ? AND workspace_id = ?", kept, workspace).Limit(1).Find(&rows).Error; err != nil {
		return "", err
	}
	r, err := find(s.DB.Read(ctx), workspace)
	if err != nil {
		return "", err
	}
	if len(rows) == 0 || r.Kind != OIDC || rows[0].Issuer != r.Issuer {
		return "", ErrNone
	}
	hint, err := s.Vault.Open(rows[0].HintSealed, aboutHint(kept))
	if err != nil {
		return "", err
	}
	e, err := s.endpoint(ctx, r)
	if err != nil {
		return "", err
	}
	to, err := url.Parse(s.endSession(e))
	if err != nil || to.Host == "" {
		return "", errors.Join(err, ErrNone)
	}
	state := ident.Secret(32)
	if err := s.remember(ctx, requestRow{Hash: ident.Hash(state), WorkspaceID: workspace, Version: signingOut, Browser: browser, ReturnTo: Path(returnTo)}); err != nil {
		return "", err
	}
	q := to.Query()
	q.Set("id_token_hint", string(hint))
	q.Set("client_id", r.ClientID)
	q.Set("post_logout_redirect_uri", s.SignedOutURL())
	q.Set("state", state)
	to.RawQuery = q.Encode()
	return to.String(), nil
}

// SignedOut is the end of SignOutURL: the path of the console to go to.
func (s *Service) SignedOut(ctx context.Context, browser []byte, state string) (string, error) {
	q, err := s.take(ctx, state, browser)
	if err == nil && q.Version != signingOut {
		err = ErrRequest
	}
	return q.ReturnTo, err
}

// endSession is the address for signing out that a provider's metadata names, "" where it names none that a browser may be sent to.
func (s *Service) endSession(e *endpoint) string {
	var claims struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if e.provider.Claims(&claims) != nil {
		return ""
	}
	u, err := url.Parse(claims.EndSession)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && (u.Scheme != "http" || !s.local)) {
		return ""
	}
	return claims.EndSession
}
