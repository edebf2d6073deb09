package phonesim

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Invitation is what a pairing link or a resolved code offers.
type Invitation struct {
	ID        string `json:"id"`
	Secret    string `json:"-"`
	Workspace Named  `json:"workspace"` // empty for a link: the claim tells
	Person    Named  `json:"person"`
}

// Claiming is a claim on its way out. Edits passed to Claim change it before the payload is made.
type Claiming struct {
	Pairing  string
	Secret   string
	UV, Poll *ecdsa.PrivateKey
	Domain   string

	EditPayload func([]byte) []byte // before signing
	Payload     []byte              // set when made
	SigUV       []byte              // set by signing
	SigPoll     []byte              // set by signing
	Tamper      func(*Claiming)     // after signing
	EditBody    func([]byte) []byte // the last word on the request body
}

type payload struct {
	Secret   string      `json:"secret"`
	Name     string      `json:"name"`
	Platform string      `json:"platform"`
	OS       string      `json:"os"`
	App      string      `json:"app"`
	Keys     payloadKeys `json:"keys"`
	Push     *Push       `json:"push,omitempty"`
}

type payloadKeys struct {
	UV   string `json:"uv"`
	Poll string `json:"poll"`
}

type claimBody struct {
	Payload string `json:"payload"`
	SigUV   string `json:"sig_uv"`
	SigPoll string `json:"sig_poll"`
}

// ParseLink reads <companion-url>/#pair=<id>.<secret> and also gives the origin.
func ParseLink(link string) (Invitation, string, error) {
	u, err := url.Parse(link)
	if err != nil {
		return Invitation{}, "", ErrLink // the cause would repeat the secret
	}
	rest, ok := strings.CutPrefix(u.Fragment, "pair=")
	dot := strings.LastIndexByte(rest, '.')
	if !ok || dot < 1 || dot == len(rest)-1 || u.Host == "" {
		return Invitation{}, "", ErrLink
	}
	return Invitation{ID: rest[:dot], Secret: rest[dot+1:]}, u.Scheme + "://" + u.Host, nil
}

// Pair claims the pairing of a link and gives the six digits to compare with the console's.
func (p *Phone) Pair(ctx context.Context, link string) (sas string, err error) {
	to, origin, err := ParseLink(link)
	if err != nil {
		return "", err
	}
	p.mu.Lock()
	p.base = or(p.base, origin)
	p.mu.Unlock()
	return p.Claim(ctx, to)
}

// PairCode claims the pairing of a typed code, in any spelling, and gives the six digits.
func (p *Phone) PairCode(ctx context.Context, code string) (sas string, err error) {
	to, err := p.Resolve(ctx, code)
	if err != nil {
		return "", err
	}
	return p.Claim(ctx, to)
}

// Resolve asks which pairing a typed code belongs to. The code, in its normal form, is the secret.
func (p *Phone) Resolve(ctx context.Context, code string) (Invitation, error) {
	to := Invitation{Secret: NormalCode(code)}
	err := p.post(ctx, "/v1/device/pairings/resolve", map[string]string{"code": code}, &to)
	return to, err
}

// Claim offers the phone's keys for a pairing, pins the server's and gives the six digits.
func (p *Phone) Claim(ctx context.Context, to Invitation, edits ...func(*Claiming)) (sas string, err error) {
	c := &Claiming{Pairing: to.ID, Secret: to.Secret, UV: p.uv, Poll: p.poll, Domain: DomainPair}
	for _, edit := range edits {
		edit(c)
	}
	body, err := c.sign(p.o)
	if err != nil {
		return "", err
	}
	var got struct {
		Device string `json:"device_id"`
		Identity
	}
	if err := p.post(ctx, "/v1/device/pairings/"+segment(to.ID)+"/claim", body, &got); err != nil {
		return "", err
	}
	id := got.Identity
	id.Pairing, id.Device = to.ID, got.Device
	if err := id.checkSAS(SPKI(&c.UV.PublicKey), SPKI(&c.Poll.PublicKey)); err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.id = id
	return id.SAS, nil
}

// sign makes the request body.
func (c *Claiming) sign(o Options) ([]byte, error) {
	uv, poll := SPKI(&c.UV.PublicKey), SPKI(&c.Poll.PublicKey)
	var err error
	c.Payload, err = json.Marshal(payload{c.Secret, o.Name, o.Platform, o.OS, o.App, payloadKeys{B64(uv), B64(poll)}, o.Push})
	if err != nil {
		return nil, fmt.Errorf("phonesim: %w", err)
	}
	if c.EditPayload != nil {
		c.Payload = c.EditPayload(c.Payload)
	}
	message := PairMessage(c.Pairing, c.Secret, uv, poll, c.Payload)
	message = append([]byte(c.Domain), message[len(DomainPair):]...)
	c.SigUV, c.SigPoll = Sign(c.UV, message), Sign(c.Poll, message)
	if c.Tamper != nil {
		c.Tamper(c)
	}
	body, err := json.Marshal(claimBody{B64(c.Payload), B64(c.SigUV), B64(c.SigPoll)})
	if err == nil && c.EditBody != nil {
		body = c.EditBody(body)
	}
	return body, err
}

// checkSAS compares the digits of the reply with those of the keys that this phone has seen.
func (id Identity) checkSAS(uv, poll []byte) error {
	if len(id.ServerKeys) == 0 {
		return ErrServerKey
	}
	server, err := Unb64(id.ServerKeys[0].SPKI)
	if err != nil {
		return ErrServerKey
	}
	if SAS(id.Pairing, uv, poll, server) != id.SAS {
		return ErrSAS
	}
	return nil
}

// PairingState asks how the pairing stands. With wait > 0 the server holds the call for up to that many seconds while the state is since.
func (p *Phone) PairingState(ctx context.Context, wait int, since string) (string, error) {
	target := "/v1/device/pairings/" + segment(p.Identity().Pairing)
	if wait > 0 {
		target += fmt.Sprintf("?wait=%d&since=%s", wait, url.QueryEscape(since))
	}
	var got struct {
		State string `json:"state"`
	}
	err := p.get(ctx, target, &got)
	if HasCode(err, http.StatusUnauthorized, "unauthorized") {
		err = errors.Join(ErrRefused, err) // after "No" the phone is not known any more
	}
	return got.State, err
}

// WaitFor waits until the pairing is in state, or fails once it can no longer get there.
func (p *Phone) WaitFor(ctx context.Context, state string) error {
	for now, since := "", "open"; ; since = now {
		var err error
		if now, err = p.PairingState(ctx, 25, since); err != nil {
			return err
		}
		if over, err := pairingOver(now, state); over {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// pairingOver says whether waiting for want ends in state now, and with what.
func pairingOver(now, want string) (bool, error) {
	switch now {
	case want:
		return true, nil
	case "active":
		return true, nil // past every state that can be waited for
	case "refused":
		return true, ErrRefused
	case "expired":
		return true, ErrPairingExpired
	}
	return false, nil
}

// WaitMatched waits until the person pressed "They match" in the console, answers the activation and returns once the phone is active.
func (p *Phone) WaitMatched(ctx context.Context) error {
	answered := false
	for state, wait := "open", 25; ; {
		var err error
		if state, err = p.PairingState(ctx, wait, state); err != nil {
			return err
		}
		if over, err := pairingOver(state, "active"); over {
			return err
		}
		wait = 25
		if state == "matched" && !answered {
			if answered, err = p.activate(ctx); err != nil {
				return err
			}
			if !answered {
				wait = 1 // the request is not there yet: look again soon
			}
		}
	}
}

// activate answers the device.activate request and says whether there was one.
func (p *Phone) activate(ctx context.Context) (bool, error) {
	open, err := p.Pending(ctx)
	if err != nil {
		return false, err
	}
	for _, item := range open {
		if item.Act != ActionActivate {
			continue
		}
		c, err := p.Open(ctx, item.CID)
		if err == nil && c.Act != ActionActivate { // the list is not signed: what is answered without a screen is said by the challenge
			err = ErrChallenge
		}
		if err == nil {
			_, err = p.Approve(ctx, item.CID, ApproveOptions{})
		}
		return err == nil, err
	}
	return false, nil
}
