package sso

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/ident"
)

const (
	requestLife  = 10 * time.Minute
	longestClaim = 512
)

// algorithms are those an ID token may be signed with: asymmetric ones alone, so that no public value can serve as a key.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}

// Identity is whom a provider vouches for.
type Identity struct {
	Provider Provider
	Issuer   string
	Subject  string
	Claim    string // what Provider.Claim held; "" where it was missing or not to be trusted
	Name     string
	Email    string // "" unless the provider has verified it
	ReturnTo string // path of the console where the person wanted to go
	Tested   bool   // this was a test: nobody is to be signed in
	// SignOutHint is what the provider wants to see again when the person signs out there; nil where it offers no signing out.
	SignOutHint []byte
}

type requestRow struct {
	Hash        []byte
	WorkspaceID string
	Version     int64
	Browser     []byte
	Nonce       string
	Verifier    string
	ReturnTo    string
	TestedBy    string
	Outcome     string // what a SAML provider said; "" while the provider is waited for
	ExpiresAt   time.Time
}

func (requestRow) TableName() string { return "sso_requests" }

// Begin starts a sign-in at a workspace's active provider and returns the address to send the browser to. The answer counts once, within ten
// minutes, from the browser that browser names. returnTo is a path of the console; anything else becomes "/". A provider that does not answer
// now is ErrProvider, so that nobody is sent to a page that never comes; anyway sends them all the same, as far as the provider is known.
func (s *Service) Begin(ctx context.Context, workspace string, browser []byte, returnTo string, anyway bool) (string, error) {
	r, err := find(s.DB.Read(ctx), workspace)
	if err != nil {
		return "", err
	}
	if !r.Active {
		return "", ErrNone
	}
	if !anyway {
		if err := s.answers(ctx, r); err != nil {
			return "", err
		}
	}
	return s.begin(ctx, r, browser, returnTo, "")
}

// BeginTest is Begin for an admin who tries settings that need not be active. Nobody is signed in by it; how it ends is kept in Provider.Test.
func (s *Service) BeginTest(ctx context.Context, by actor.Actor, browser []byte) (string, error) {
	r, err := find(s.DB.Read(ctx), by.Workspace)
	if err != nil {
		return "", err
	}
	if err := s.answers(ctx, r); err != nil {
		return "", err
	}
	return s.begin(ctx, r, browser, "/settings/workspace/idp", by.Person)
}

func (s *Service) begin(ctx context.Context, r row, browser []byte, returnTo, tester string) (string, error) {
	state := ident.Secret(32)
	q := requestRow{Hash: ident.Hash(state), WorkspaceID: r.WorkspaceID, Version: r.Version, Browser: browser, Nonce: "id-" + ident.Secret(16),
		Verifier: oauth2.GenerateVerifier(), ReturnTo: Path(returnTo), TestedBy: tester} // the nonce is an xs:ID too, which begins with no digit
	to, err := s.address(ctx, r, q, state)
	if err != nil {
		return "", err
	}
	return to, s.remember(ctx, q)
}

// address is where a request sends the browser.
func (s *Service) address(ctx context.Context, r row, q requestRow, state string) (string, error) {
	if r.Kind == SAML {
		return s.samlRequest(ctx, r, q, state)
	}
	e, err := s.endpoint(ctx, r)
	if err != nil {
		return "", err
	}
	return s.oauth(r, e, "").AuthCodeURL(state, oidc.Nonce(q.Nonce), oauth2.S256ChallengeOption(q.Verifier)), nil
}

// remember keeps a request until somebody comes back with it, or its time is over.
func (s *Service) remember(ctx context.Context, q requestRow) error {
	if q.Browser == nil {
		q.Browser = []byte{}
	}
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		q.ExpiresAt = now.Add(requestLife)
		return tx.Create(&q).Error
	})
}

// End takes what the provider sent the browser back with, asks it for the identity, and checks that identity: it has to come from the issuer
// that was asked, for this client, with the nonce of this request, now (OpenID Connect Core §3.1.3.7; RFC 9207; RFC 7636).
func (s *Service) End(ctx context.Context, browser []byte, answer url.Values) (Identity, error) {
	q, err := s.take(ctx, answer.Get("state"), browser)
	if err != nil {
		return Identity{}, err
	}
	r, err := find(s.DB.Read(ctx), q.WorkspaceID)
	if errors.Is(err, ErrNone) || (err == nil && (r.Version != q.Version || r.Kind != OIDC)) {
		return Identity{}, ErrRequest
	}
	if err != nil {
		return Identity{}, err
	}
	who, err := s.identity(ctx, r, q, answer)
	return s.concluded(ctx, r, q, who, err)
}

// concluded is what came of an exchange: an identity to sign in as, or how a test went.
func (s *Service) concluded(ctx context.Context, r row, q requestRow, who Identity, err error) (Identity, error) {
	who.ReturnTo, who.Tested = q.ReturnTo, q.TestedBy != ""
	who.Provider.Workspace = q.WorkspaceID // also where nothing came of it: the way back leads to that workspace's page
	if !who.Tested {
		if err == nil && !r.Active {
			err = ErrNone
		}
		return who, err
	}
	test := Test{Version: q.Version, Subject: who.Subject, Claim: who.Claim}
	switch {
	case err != nil:
		test.Code = reason(err)
	case who.Claim == "":
		test.Code = "claim_missing"
	}
	return who, errors.Join(err, s.tested(ctx, q.WorkspaceID, test))
}

// take spends a request, right or wrong.
func (s *Service) take(ctx context.Context, state string, browser []byte) (requestRow, error) {
	q, err := s.spend(ctx, state, false)
	if err == nil && !q.of(browser) {
		return requestRow{}, ErrRequest
	}
	return q, err
}

// of says whether a browser is the one that began the request.
func (q requestRow) of(browser []byte) bool {
	return subtle.ConstantTimeCompare(q.Browser, browser) == 1
}

// spend is take where no browser shows itself; answered says whether a SAML provider has to have answered already.
func (s *Service) spend(ctx context.Context, state string, answered bool) (requestRow, error) {
	var taken []requestRow
	var now time.Time
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		var err error
		if now, err = tx.Now(); err != nil {
			return err
		}
		taken = nil
		return tx.Raw(`DELETE FROM sso_requests WHERE hash = ? AND (outcome <> '') = ?
			RETURNING hash, workspace_id, version, browser, nonce, verifier, return_to, tested_by, outcome, expires_at`, ident.Hash(state), answered).Scan(&taken).Error
	})
	if err != nil {
		return requestRow{}, err
	}
	if len(taken) == 0 || !now.Before(taken[0].ExpiresAt) {
		return requestRow{}, ErrRequest
	}
	return taken[0], nil
}

func (s *Service) identity(ctx context.Context, r row, q requestRow, answer url.Values) (Identity, error) {
	if answer.Get("error") != "" {
		return Identity{}, ErrCancelled
	}
	if iss := answer.Get("iss"); iss != "" && iss != r.Issuer {
		return Identity{}, ErrIdentity.Because(errors.New("the answer names another issuer"))
	}
	secret, err := s.Vault.Open(r.SecretSealed, about(r.WorkspaceID))
	if err != nil {
		return Identity{}, err
	}
	e, err := s.endpoint(ctx, r)
	if err != nil {
		return Identity{}, err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, s.client), 2*providerPatient)
	defer cancel()
	token, err := s.oauth(r, e, string(secret)).Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(q.Verifier))
	if err != nil {
		return Identity{}, exchangeFailed(err)
	}
	raw, _ := token.Extra("id_token").(string)
	now, err := s.DB.Now(ctx)
	if err != nil {
		return Identity{}, err
	}
	id, err := oidc.NewVerifier(r.Issuer, e.keys, &oidc.Config{ClientID: r.ClientID, SupportedSigningAlgs: algorithms,
		Now: func() time.Time { return now }}).Verify(ctx, raw)
	if err != nil {
		return Identity{}, ErrIdentity.Because(err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(q.Nonce)) != 1 {
		return Identity{}, ErrIdentity.Because(errors.New("the nonce is another request's"))
	}
	who, err := read(r, id)
	if err == nil && s.endSession(e) != "" {
		who.SignOutHint = []byte(raw)
	}
	return who, err
}

// read takes from an ID token what this service uses of it.
func read(r row, id *oidc.IDToken) (Identity, error) {
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return Identity{}, ErrIdentity.Because(err)
	}
	p, err := r.provider()
	if err != nil {
		return Identity{}, err
	}
	text := func(name string) string {
		v, _ := claims[name].(string)
		if len(v) > longestClaim || strings.ContainsFunc(v, control) {
			return ""
		}
		return v
	}
	who := Identity{Provider: p, Issuer: id.Issuer, Subject: id.Subject, Claim: text(r.Claim), Name: text("name")}
	if id.Subject == "" || len(id.Subject) > longestClaim {
		return Identity{}, ErrIdentity.Because(errors.New("the token has no usable subject"))
	}
	if claims["email_verified"] == true {
		who.Email = text("email")
	}
	if r.Claim == "email" {
		who.Claim = who.Email // an address that nobody has verified names nobody
	}
	return who, nil
}

// exchangeFailed tells a provider that refuses from one that does not answer.
func exchangeFailed(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < 500 {
		return ErrIdentity.Because(fmt.Errorf("the token endpoint answered %d %s", refused.Response.StatusCode, refused.ErrorCode))
	}
	return ErrProvider.Because(err)
}

func (s *Service) oauth(r row, e *endpoint, secret string) *oauth2.Config {
	return &oauth2.Config{ClientID: r.ClientID, ClientSecret: secret, Endpoint: e.provider.Endpoint(), RedirectURL: s.RedirectURL(),
		Scopes: []string{oidc.ScopeOpenID, "profile", "email"}}
}

// Sweep deletes requests that nobody came back with, and what was kept of sessions and assertions that are over.
func (s *Service) Sweep(ctx context.Context) error {
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return errors.Join(tx.Where("expires_at <= ?", now).Delete(&requestRow{}).Error, tx.Where("expires_at <= ?", now).Delete(&sessionRow{}).Error,
			tx.Where("expires_at <= ?", now).Delete(&assertionRow{}).Error)
	})
}

// Path is a path of this service's own pages, or "/" for anything that could lead elsewhere.
func Path(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\") ||
		strings.ContainsFunc(to, control) || len(to) > 512 {
		return "/"
	}
	return to
}
