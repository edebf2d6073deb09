package sso

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/countersign/countersign/internal/egress"
)

const (
	providerPatient = 5 * time.Second
	providerBody    = 1 << 20
	knockPatience   = 2 * time.Second  // how long somebody who wants to sign in waits to be told that a provider does not answer
	discoveryLife   = time.Hour        // how long a provider's metadata is used before somebody waits for it to be read again
	discoveryFresh  = 30 * time.Minute // how old it becomes before it is read again in the background
)

// endpoint is what is known of an OpenID provider: its metadata and, once somebody needed or the background read them, its keys.
type endpoint struct {
	provider *oidc.Provider
	keys     oidc.KeySet // read again whenever a token names one that is unknown
	keysAt   string
	readAt   time.Time
}

// endpoint is a provider's metadata and keys as they were read within the last hour. While a provider does not answer, what is known of it
// goes on being used, and nobody of another workspace waits.
func (s *Service) endpoint(ctx context.Context, r row) (*endpoint, error) {
	e := s.knows(r.Issuer)
	if e != nil && time.Since(e.readAt) < discoveryLife {
		return e, nil
	}
	fresh, err := s.discover(ctx, r.Issuer)
	if err != nil && e != nil {
		return e, nil
	}
	return fresh, err
}

func (s *Service) knows(issuer string) *endpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[issuer]
}

// discover reads a provider's metadata now. Keys that were read before go on while the metadata says that they are at the same place, so that
// a provider's metadata coming anew costs nobody a call.
func (s *Service) discover(ctx context.Context, issuer string) (*endpoint, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, s.client), issuer)
	if err != nil {
		return nil, ErrProvider.Because(err)
	}
	var said struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&said); err != nil {
		return nil, ErrProvider.Because(err)
	}
	e := &endpoint{provider: provider, keysAt: said.Keys, readAt: time.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.known[issuer]; old != nil && old.keysAt == e.keysAt {
		e.keys = old.keys
	} else {
		// The key set goes on with this context for as long as it lives, so it must not end with the request.
		e.keys = oidc.NewRemoteKeySet(oidc.ClientContext(context.WithoutCancel(ctx), s.client), e.keysAt)
	}
	s.known[issuer] = e
	return e, nil
}

// noToken names a key that no provider has: whoever is asked to verify it reads the provider's keys and keeps them.
const noToken = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImNvdW50ZXJzaWduLW5vLXN1Y2gta2V5In0.e30.AA" // {"alg":"RS256","kid":"countersign-no-such-key"}

// readKeys reads a provider's keys, so that the next sign-in does not wait for them, nor fails where they cannot be had then.
func (e *endpoint) readKeys(ctx context.Context) {
	_, _ = e.keys.VerifySignature(ctx, noToken) // fails in any case
}

// answers says whether a provider answers now: ErrProvider where it does not within two seconds. An OpenID provider has to, because its
// tokens are fetched from here; it is asked for its metadata, which is so read again. A SAML provider never has to be reached from here, only
// by browsers, so one that has never answered this process is believed to be there.
func (s *Service) answers(ctx context.Context, r row) error {
	ctx, cancel := context.WithTimeout(ctx, knockPatience)
	defer cancel()
	if r.Kind == OIDC {
		_, err := s.discover(ctx, r.Issuer)
		return err
	}
	p, err := readMetadata(r.Metadata, s.local, time.Time{})
	if err != nil {
		return ErrProvider.Because(err)
	}
	err = s.knock(ctx, p.ssoURL)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.answered[p.ssoURL] = true
	} else if s.answered[p.ssoURL] {
		return ErrProvider.Because(err)
	}
	return nil
}

// knock says whether somebody is there. Any answer is one, but that of a proxy in front of nobody.
func (s *Service) knock(ctx context.Context, at string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, at, nil)
	if err != nil {
		return err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return fmt.Errorf("the answer was %d", resp.StatusCode)
	}
	return nil
}

// refreshOIDC reads the metadata and keys of the active OpenID providers again, or for the first time after a start, several at a time, so
// that people who sign in do not wait for it. What cannot be read leaves what is known in use.
func (s *Service) refreshOIDC(ctx context.Context) error {
	var issuers []string
	if err := s.DB.Read(ctx).Model(&row{}).Where("kind = ? AND active", OIDC).Distinct().Order("issuer").Pluck("issuer", &issuers).Error; err != nil {
		return err
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, refreshes)
	for _, issuer := range issuers {
		if !s.due(issuer) {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, 2*providerPatient)
			defer cancel()
			if e, err := s.discover(ctx, issuer); err == nil {
				e.readKeys(ctx)
			}
		})
	}
	wg.Wait()
	return nil
}

// due says whether a provider's metadata should be read again, and counts the try: one that fails is made again after ten minutes.
func (s *Service) due(issuer string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.known[issuer]; e != nil && time.Since(e.readAt) < discoveryFresh {
		return false
	}
	if time.Since(s.tried[issuer]) < metadataRetry {
		return false
	}
	s.tried[issuer] = time.Now()
	return true
}

// client speaks to providers and reads what workspaces name: it reaches nothing but public addresses, and hosts that the operator has named,
// judged when the connection is made; it gives up soon, reads little, and follows no redirect.
func client(guard *egress.Guard) *http.Client {
	return &http.Client{Timeout: providerPatient, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: limited{&http.Transport{DialContext: guard.Dial, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
			TLSHandshakeTimeout: providerPatient, ResponseHeaderTimeout: providerPatient, MaxResponseHeaderBytes: 64 << 10}}}
}

// limited cuts what providers send.
type limited struct{ http.RoundTripper }

// RoundTrip is http.RoundTripper.
func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, providerBody), resp.Body}
	}
	return resp, err
}
