// Package phonesim is a phone for tests and demos: it holds two keys, pairs, looks for requests, checks that they come from the server it
// paired with, and answers them. It was written from mobileapi/openapi.yaml alone and imports nothing of the server, so whatever both sides
// agree on is what the document says.
//
// A well-behaved phone needs New, Pair, WaitMatched, Pending, Open, Approve and Deny. A late, double-tapping or badly set one is made with
// Options; an evil one edits its requests and answers on their way out (see Request, Answering and Claiming).
package phonesim

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

// What a phone refuses by itself, without asking the server.
var (
	// ErrLink says that a pairing link is not of the form <companion-url>/#pair=<id>.<secret>.
	ErrLink = errors.New("phonesim: this is no pairing link")
	// ErrServerKey says that a challenge names a server key that was not pinned while pairing.
	ErrServerKey = errors.New("phonesim: the challenge is signed by a server key that was not pinned")
	// ErrServerSignature says that the server's signature over a challenge does not hold.
	ErrServerSignature = errors.New("phonesim: the server's signature over the challenge does not hold")
	// ErrChallenge says that a challenge is malformed, of an unknown version or not for this phone.
	ErrChallenge = errors.New("phonesim: the challenge is not one for this phone")
	// ErrExpired says that the time for an answer was over when the request was pulled.
	ErrExpired = errors.New("phonesim: the challenge has expired")
	// ErrAnnouncement says that the server announced a key that the old one did not sign for, or not in the form of the contract.
	ErrAnnouncement = errors.New("phonesim: the announcement of a new server key does not hold")
	// ErrSAS says that the six digits of the reply are not those of the keys this phone sees: somebody is in between.
	ErrSAS = errors.New("phonesim: the six digits are not those of these keys")
	// ErrRefused says that the pairing was ended: the digits did not match, or too many secrets were wrong.
	ErrRefused = errors.New("phonesim: the pairing was refused")
	// ErrPairingExpired says that the pairing ran out before it was finished.
	ErrPairingExpired = errors.New("phonesim: the pairing expired")
	// ErrWithdrawn says that the request was answered elsewhere before this phone had answered it.
	ErrWithdrawn = errors.New("phonesim: the request was withdrawn")
)

// Options say what kind of phone it is. The zero value is an iPhone with a right clock and a steady finger.
type Options struct {
	Name     string // as the person calls it; default "iPhone of Ana"
	Platform string // ios, android or web; default ios
	OS       string // default "iOS 26.1"
	App      string // default "phonesim/1"
	UV       string // what an answer says about the unlock: biometric, device_pin or none; default biometric, for web none
	Push     *Push  // registered with the claim; nil means pull only

	HTTP        *http.Client     // default: a client with a time limit above the longest long poll
	Now         func() time.Time // default time.Now
	ClockOffset time.Duration    // how wrong the phone's clock is

	DoubleTap    bool                                   // every answer is sent twice at once, with the same response bytes
	BeforeAnswer func(context.Context, Challenge) error // called before an answer is signed: a late phone waits here
	Notice       func(Event)                            // told what Run and Pull do; must not block
	Keep         func(*Phone) error                     // keeps the phone for good, before it tells the server that it holds to a new key
}

// Named is a workspace or a person as the pairing names them.
type Named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// ServerKey is a key that the phone pins while pairing: only challenges signed by one of them are believed.
type ServerKey struct {
	KID  string `json:"kid"`
	SPKI string `json:"spki"` // base64url of the DER
	// Until is, for a key that was replaced, when it may last have signed a question (Unix seconds); 0 for one in force.
	Until int64 `json:"until,omitempty"`
}

// Identity is what a phone knows after a claim.
type Identity struct {
	Pairing    string      `json:"pairing,omitempty"`
	Device     string      `json:"device,omitempty"`
	Workspace  Named       `json:"workspace"`
	Person     Named       `json:"person"`
	ServerKeys []ServerKey `json:"server_keys,omitempty"`
	SAS        string      `json:"sas,omitempty"`
}

// Phone is one phone paired, or about to be paired, with one workspace. It is safe for concurrent use.
type Phone struct {
	o        Options
	uv, poll *ecdsa.PrivateKey

	mu         sync.Mutex
	base       string
	id         Identity
	correction time.Duration        // what the server said the clock lacks
	opened     map[string]Challenge // by cid
}

// New makes a phone with two fresh keys. baseURL is the companion's or the console's origin; empty means the origin of the first link.
func New(baseURL string, o Options) *Phone {
	return newPhone(baseURL, o, NewKey(), NewKey())
}

func newPhone(baseURL string, o Options, uv, poll *ecdsa.PrivateKey) *Phone {
	return &Phone{o: o.withDefaults(), uv: uv, poll: poll, base: strings.TrimRight(baseURL, "/"), opened: map[string]Challenge{}}
}

// Via is the same phone, keys and pairing, at another address of the same service: another replica, or a server that came back elsewhere.
func (p *Phone) Via(baseURL string) *Phone {
	p.mu.Lock()
	defer p.mu.Unlock()
	other := newPhone(baseURL, p.o, p.uv, p.poll)
	other.id, other.correction = p.id, p.correction
	return other
}

func (o Options) withDefaults() Options {
	o.Name = or(o.Name, "iPhone of Ana")
	o.Platform = or(o.Platform, "ios")
	o.OS = or(o.OS, "iOS 26.1")
	o.App = or(o.App, "phonesim/1")
	if o.UV == "" {
		o.UV = "biometric"
		if o.Platform == "web" {
			o.UV = "none"
		}
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: 40 * time.Second}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Keep == nil {
		o.Keep = func(*Phone) error { return nil }
	}
	if o.Notice == nil {
		o.Notice = func(Event) {}
	}
	return o
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// NewKey is a fresh P-256 key.
func NewKey() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic("phonesim: no P-256 key: " + err.Error())
	}
	return k
}

// Keys gives the phone's keys: uv approves, poll signs requests and may deny.
func (p *Phone) Keys() (uv, poll *ecdsa.PrivateKey) { return p.uv, p.poll }

// Identity gives what the phone knows about its pairing; empty before a claim.
func (p *Phone) Identity() Identity {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.id
}

// Now is the phone's clock, as wrong as Options made it and as right as the server set it.
func (p *Phone) Now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.o.Now().Add(p.o.ClockOffset + p.correction)
}

// setClock puts the phone's clock to the server's.
func (p *Phone) setClock(server time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.correction = server.Sub(p.o.Now().Add(p.o.ClockOffset))
}

func (p *Phone) url(target string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.base + target
}
