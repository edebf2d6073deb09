package sso

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/countersign/countersign/internal/egress"
)

// openID is as much of an OpenID provider as is read ahead of a sign-in.
type openID struct {
	*httptest.Server
	key      *rsa.PrivateKey
	at       map[string]string // what its metadata says instead
	down     atomic.Bool
	keysRead atomic.Int32
}

func newOpenID(t *testing.T) *openID {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &openID{key: key, at: map[string]string{}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		b64 := base64.RawURLEncoding.EncodeToString
		switch {
		case p.down.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/keys":
			p.keysRead.Add(1)
			_, _ = fmt.Fprintf(w, `{"keys":[{"kty":"RSA","alg":"RS256","kid":"one","n":%q,"e":%q}]}`, b64(key.N.Bytes()), b64(big.NewInt(int64(key.E)).Bytes()))
		default:
			said := map[string]string{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys"}
			for name, value := range p.at {
				said[name] = value
			}
			_ = json.NewEncoder(w).Encode(said)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

// token is an ID token with nothing in it, signed by the provider.
func (p *openID) token(t *testing.T) string {
	t.Helper()
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"one"}`)) + ".e30"
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// asking is the part of the service that asks providers, where nothing but these hosts may be asked.
func asking(t *testing.T, hosts ...string) *Service {
	t.Helper()
	guard, err := egress.New(hosts)
	if err != nil {
		t.Fatal(err)
	}
	return &Service{guard: guard, client: client(guard), known: map[string]*endpoint{}, tried: map[string]time.Time{}, answered: map[string]bool{}}
}

func host(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }

func TestKeysAreKeptWhileTheirProviderIsAway(t *testing.T) {
	p := newOpenID(t)
	s := asking(t, host(p.Server))
	r := row{Kind: OIDC, Issuer: p.URL}
	e, err := s.discover(t.Context(), p.URL)
	if err != nil {
		t.Fatal(err)
	}
	e.readKeys(t.Context())
	if n := p.keysRead.Load(); n != 1 {
		t.Fatalf("the keys were read %d times ahead of any sign-in", n)
	}
	if err := s.answers(t.Context(), r); err != nil { // reads the metadata again
		t.Fatal(err)
	}
	p.down.Store(true)
	if err := s.answers(t.Context(), r); !errors.Is(err, ErrProvider) {
		t.Errorf("while the provider is away: %v", err)
	}
	if e, err = s.endpoint(t.Context(), r); err != nil {
		t.Fatalf("its metadata is forgotten: %v", err)
	}
	if _, err := e.keys.VerifySignature(t.Context(), p.token(t)); err != nil {
		t.Errorf("its keys are forgotten: %v", err)
	}
	if n := p.keysRead.Load(); n != 1 {
		t.Errorf("the keys were read %d times", n)
	}

	p.down.Store(false)
	p.at["jwks_uri"] = p.URL + "/keys?anew" // they are somewhere else now: what was there before counts no more
	if e, err = s.discover(t.Context(), p.URL); err != nil {
		t.Fatal(err)
	}
	p.down.Store(true)
	if _, err := e.keys.VerifySignature(t.Context(), p.token(t)); err == nil {
		t.Error("a key counts that the provider does not name any more")
	}
}

// TestAddressesThatAProviderNamesAreGuardedToo: the operator let the provider's own host in, and its metadata points further in.
func TestAddressesThatAProviderNamesAreGuardedToo(t *testing.T) {
	inside := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was asked inside", r.URL.Path) }))
	defer inside.Close()
	p := newOpenID(t)
	p.at["jwks_uri"], p.at["token_endpoint"] = inside.URL+"/keys", inside.URL+"/token"
	s := asking(t, host(p.Server))
	e, err := s.discover(t.Context(), p.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.keys.VerifySignature(t.Context(), p.token(t)); err == nil {
		t.Error("a key was found inside")
	}
	_, err = s.oauth(row{}, e, "secret").Exchange(oidc.ClientContext(t.Context(), s.client), "code")
	if !errors.Is(err, egress.ErrRefused) {
		t.Errorf("the token: %v", err)
	}
	if _, err := asking(t).discover(t.Context(), p.URL); !errors.Is(err, egress.ErrRefused) {
		t.Errorf("a provider inside that nobody let in: %v", err)
	}
	moved := httptest.NewServer(http.RedirectHandler(inside.URL, http.StatusFound))
	defer moved.Close()
	if _, err := asking(t, host(moved), host(inside)).discover(t.Context(), moved.URL); err == nil {
		t.Error("a redirect was followed")
	}
}

func TestOnlyASAMLProviderThatAnsweredBeforeIsMissed(t *testing.T) {
	p := newOpenID(t)
	s := asking(t, host(p.Server))
	r := row{Kind: SAML, Metadata: strings.ReplaceAll(metadataOf(t), "https://idp.test/sso", p.URL+"/sso")}
	s.local = true
	p.down.Store(true)
	if err := s.answers(t.Context(), r); err != nil {
		t.Errorf("one that browsers alone may be able to reach: %v", err)
	}
	p.down.Store(false)
	if err := s.answers(t.Context(), r); err != nil {
		t.Errorf("one that answers: %v", err)
	}
	p.down.Store(true)
	if err := s.answers(t.Context(), r); !errors.Is(err, ErrProvider) {
		t.Errorf("one that does not answer any more: %v", err)
	}
	far := asking(t)
	far.local = true
	if err := far.answers(t.Context(), r); err != nil {
		t.Errorf("one inside that nobody let in: %v", err)
	}
}

// metadataOf is the metadata of a SAML provider at https://idp.test/sso.
func metadataOf(t *testing.T) string {
	t.Helper()
	return `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.test"><md:IDPSSODescriptor
		protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
		<ds:X509Data><ds:X509Certificate>` + base64.StdEncoding.EncodeToString(ecSigner(t).cert.Raw) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
		<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.test/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>`
}
