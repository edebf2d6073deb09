package phonesim

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// ActionActivate is the request a new phone answers by itself, without a screen.
const ActionActivate = "device.activate"

// Item is a request in the list of open ones.
type Item struct {
	CID string    `json:"cid"`
	Act string    `json:"act"`
	Exp time.Time `json:"exp"`
}

// Challenge is one request to this phone, checked.
type Challenge struct {
	V    int     `json:"v"`
	KID  string  `json:"kid"`
	CID  string  `json:"cid"`
	WSP  string  `json:"wsp"`
	USR  string  `json:"usr"`
	DEV  string  `json:"dev"`
	Act  string  `json:"act"`
	Res  string  `json:"res"`
	Par  string  `json:"par"`
	Ses  string  `json:"ses"`
	Non  string  `json:"non"`
	Mode string  `json:"mode"` // tap or code
	Ctx  Context `json:"ctx"`
	Iat  int64   `json:"iat"` // Unix seconds
	Exp  int64   `json:"exp"` // Unix seconds

	Bytes []byte `json:"-"` // as signed
}

// Context is the only source of what a phone shows.
type Context struct {
	Action    string   `json:"action"`
	Workspace string   `json:"workspace"`
	Person    string   `json:"person"`
	Browser   string   `json:"browser"`
	OS        string   `json:"os"`
	IP        string   `json:"ip"`
	Place     string   `json:"place"`
	Since     int64    `json:"since"` // Unix seconds
	New       []string `json:"new"`   // of browser, network, country
}

type envelope struct {
	Challenge string `json:"challenge"`
	ServerSig string `json:"server_sig"`
	KID       string `json:"kid"`
}

// Pending lists the requests that wait for this phone. Where the reply names a server key that the phone does not hold to yet, it moves there
// first; an announcement that does not hold is noticed and changes nothing.
func (p *Phone) Pending(ctx context.Context) ([]Item, error) {
	var got struct {
		Items     []Item `json:"items"`
		ServerKey string `json:"server_key"`
	}
	if err := p.get(ctx, "/v1/device/confirmations?state=pending", &got); err != nil {
		return nil, err
	}
	if got.ServerKey != "" && !p.Identity().holdsTo(got.ServerKey) {
		if err := p.Move(ctx); err != nil {
			p.o.Notice(Event{Kind: "failed", Act: "server_key", Err: err})
		}
	}
	return got.Items, nil
}

// Open pulls one request and checks it: the server's pinned key signed these very bytes, for this phone, person and workspace.
func (p *Phone) Open(ctx context.Context, cid string) (Challenge, error) {
	var got envelope
	if err := p.get(ctx, confirmation(cid), &got); err != nil {
		return Challenge{}, err
	}
	c, err := p.Identity().check(cid, got, p.Now())
	if err != nil {
		return Challenge{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opened[cid] = c
	return c, nil
}

// Opened tells the server that the request is on the screen.
func (p *Phone) Opened(ctx context.Context, cid string) error {
	_, err := p.Do(ctx, http.MethodPost, confirmation(cid)+"/opened", nil)
	return err
}

// grace is how far the phone's clock may be off without the server saying so.
const grace = 60

// check believes nothing but a pinned key.
func (id Identity) check(cid string, got envelope, now time.Time) (Challenge, error) {
	key, err := id.pinned(got.KID)
	if err != nil {
		return Challenge{}, err
	}
	spki, err := Unb64(key.SPKI)
	if err != nil {
		return Challenge{}, ErrServerKey
	}
	raw, err := Unb64(got.Challenge)
	if err != nil {
		return Challenge{}, ErrChallenge
	}
	sig, err := Unb64(got.ServerSig)
	if err != nil || !Verify(spki, ChallengeMessage(raw), sig) {
		return Challenge{}, ErrServerSignature
	}
	c := Challenge{Bytes: raw}
	if json.Unmarshal(raw, &c) != nil || c.V != 1 || c.KID != got.KID || c.CID != cid || c.DEV != id.Device {
		return Challenge{}, ErrChallenge
	}
	if c.WSP != id.Workspace.ID || c.USR != id.Person.ID || (c.Mode != "tap" && c.Mode != "code") {
		return Challenge{}, ErrChallenge
	}
	if key.Until != 0 && (c.Iat > key.Until || c.Exp > key.Until+longestLife) {
		return Challenge{}, ErrServerKey
	}
	if c.Exp+grace <= now.Unix() {
		return Challenge{}, ErrExpired
	}
	return c, nil
}

func (id Identity) pinned(kid string) (ServerKey, error) {
	for _, k := range id.ServerKeys {
		if k.KID == kid {
			return k, nil
		}
	}
	return ServerKey{}, ErrServerKey
}

// challenge gives a request that is open already, or opens it.
func (p *Phone) challenge(ctx context.Context, cid string) (Challenge, error) {
	p.mu.Lock()
	c, known := p.opened[cid]
	p.mu.Unlock()
	if known {
		return c, nil
	}
	return p.Open(ctx, cid)
}

func confirmation(cid string) string { return "/v1/device/confirmations/" + segment(cid) }
