package signin

import (
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
)

const (
	// WorkspaceHeader names the workspace that a console call is for, by its address; without it the newest sign-in counts.
	WorkspaceHeader = "Countersign-Workspace"
	// BackgroundHeader set to 1 says that a call was not made by a person's hand (a poll), so that it does not keep a session alive.
	BackgroundHeader = "Countersign-Background"

	browserBytes = 32
	browserLife  = 400 * 24 * time.Hour // as long as browsers keep a cookie
	maxAgent     = 256                  // bytes of a User-Agent that are kept
)

// Browser is what a request shows of the browser it comes from. The zero value is one that shows nothing.
type Browser struct {
	Session   string // value of the session cookie
	ID        string // value of the long-lived cookie
	IP        string // address of the request, proxies resolved
	UserAgent string
}

// Hash is what is kept of the long-lived cookie; nil where there is none.
func (b Browser) Hash() []byte {
	if b.ID == "" {
		return nil
	}
	return ident.Hash(b.ID)
}

type addressKey struct{}

// WithIP gives a request the address it came from, as a door that knows the trusted proxies resolved it. Without it the address is that of the
// connection.
func WithIP(r *http.Request, ip string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), addressKey{}, ip))
}

// BrowserOf reads a request.
func (s *Service) BrowserOf(r *http.Request) Browser {
	b := Browser{UserAgent: agent(r.UserAgent())}
	b.IP, _ = r.Context().Value(addressKey{}).(string)
	if b.IP == "" {
		b.IP, _, _ = net.SplitHostPort(r.RemoteAddr)
	}
	if c, err := r.Cookie(s.sessionCookie()); err == nil {
		b.Session = c.Value
	}
	if c, err := r.Cookie(s.browserCookie()); err == nil && wellFormed(c.Value) {
		b.ID = c.Value
	}
	return b
}

// SignedIn is Find for a request: its headers name the workspace, and say whether a person's hand is behind the call.
func (s *Service) SignedIn(r *http.Request) (SignedIn, error) {
	return s.Find(r.Context(), s.BrowserOf(r), r.Header.Get(WorkspaceHeader), r.Header.Get(BackgroundHeader) == "1")
}

// Who is SignedIn for doors that need the actor alone.
func (s *Service) Who(r *http.Request) (actor.Actor, error) {
	in, err := s.SignedIn(r)
	return in.Actor, err
}

// In is who the request's browser is signed in as in one workspace, by its id: a browser cannot name one when it opens a websocket. It does
// not count as use.
func (s *Service) In(r *http.Request, workspace string) (actor.Actor, error) {
	from := s.BrowserOf(r)
	live, now, err := s.live(r.Context(), from, "s.workspace_id = ?", workspace)
	if err != nil {
		return actor.Actor{}, err
	}
	if len(live) == 0 {
		return actor.Actor{}, fault.ErrUnauthorized
	}
	return s.signedIn(live[0], from, now).Actor, nil
}

// SetSession gives the browser its new session.
func (s *Service) SetSession(w http.ResponseWriter, session Session) {
	http.SetCookie(w, s.cookie(s.sessionCookie(), session.Value, time.Until(session.Expires)))
}

// ClearSession takes the session cookie away.
func (s *Service) ClearSession(w http.ResponseWriter) {
	http.SetCookie(w, s.cookie(s.sessionCookie(), "", -time.Second))
}

// Remember gives a browser that has none the long-lived cookie by which it is recognised (wire.md §5).
func (s *Service) Remember(w http.ResponseWriter, b Browser) {
	if b.ID == "" {
		http.SetCookie(w, s.cookie(s.browserCookie(), ident.Secret(browserBytes), browserLife))
	}
}

// Renew lets a browser that has the long-lived cookie keep it for another 400 days; one in use is never forgotten.
func (s *Service) Renew(w http.ResponseWriter, b Browser) {
	if b.ID != "" {
		http.SetCookie(w, s.cookie(s.browserCookie(), b.ID, browserLife))
	}
}

// sessionCookie is the cookie's name: with the __Host- prefix browsers refuse it unless it is Secure, for this host alone and for all paths.
func (s *Service) sessionCookie() string {
	if s.secure {
		return "__Host-countersign"
	}
	return "countersign"
}

func (s *Service) browserCookie() string { return s.sessionCookie() + "-browser" }

func (s *Service) cookie(name, value string, life time.Duration) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: int(life / time.Second), HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode}
}

func wellFormed(id string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(id)
	return err == nil && len(raw) == browserBytes
}

// agent is a User-Agent fit to be kept.
func agent(text string) string {
	text = strings.ToValidUTF8(text, "")
	for len(text) > maxAgent {
		_, n := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-n]
	}
	return strings.ReplaceAll(text, "\x00", "")
}
