package phonesim

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// What a response says.
const (
	DecisionApprove = "approve"
	DecisionDeny    = "deny"
)

// ApproveOptions go with an approval.
type ApproveOptions struct {
	Code string // the six digits of the dialog, in mode code
}

// Answer is what a person tapped.
type Answer struct {
	Decision string // approve or deny
	Code     string // with approve, in mode code
	Reason   string // with deny: not_me, mistake or nothing
}

// response is the JSON that is signed.
type response struct {
	V      int    `json:"v"`
	CID    string `json:"cid"`
	CHS    string `json:"chs"`
	Dev    string `json:"dev"`
	Dec    string `json:"dec"`
	Code   string `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
	UV     string `json:"uv"`
	Iat    int64  `json:"iat"`
}

// Answering is an answer on its way out. Edits passed to Answer change it before it is signed.
type Answering struct {
	Challenge []byte // signed
	Response  []byte // signed and sent: the JSON
	Key       *ecdsa.PrivateKey
	Domain    string
	Signature []byte // set by signing

	EditSignature func(der []byte) []byte
	Tamper        func(*Answering)    // after signing
	EditBody      func([]byte) []byte // the last word on the request body
}

// Approve is It's me!, signed by the uv key. It gives the confirmation's state.
func (p *Phone) Approve(ctx context.Context, cid string, o ApproveOptions, edits ...func(*Answering)) (string, error) {
	return p.Answer(ctx, cid, Answer{Decision: DecisionApprove, Code: o.Code}, edits...)
}

// Deny is It's not me, signed by the poll key, which needs no unlock. reason is "not_me", "mistake" or "".
func (p *Phone) Deny(ctx context.Context, cid, reason string, edits ...func(*Answering)) (string, error) {
	return p.Answer(ctx, cid, Answer{Decision: DecisionDeny, Reason: reason}, edits...)
}

// Answer signs and sends a decision; a request that is not open yet is opened first. It gives the confirmation's state.
func (p *Phone) Answer(ctx context.Context, cid string, a Answer, edits ...func(*Answering)) (string, error) {
	c, err := p.challenge(ctx, cid)
	if err != nil {
		return "", err
	}
	if p.o.BeforeAnswer != nil {
		if err := p.o.BeforeAnswer(ctx, c); err != nil {
			return "", err
		}
	}
	body, err := p.answering(c, a, edits)
	if err != nil {
		return "", err
	}
	if p.o.DoubleTap {
		return p.twice(ctx, cid, body)
	}
	return p.respond(ctx, cid, body)
}

// answering makes the request body.
func (p *Phone) answering(c Challenge, a Answer, edits []func(*Answering)) ([]byte, error) {
	uv := p.o.UV
	key := p.uv
	if a.Decision == DecisionDeny {
		uv, key = "none", p.poll
	}
	said, err := json.Marshal(response{1, c.CID, B64(hash(c.Bytes)), p.Identity().Device, a.Decision, a.Code, a.Reason, uv, p.Now().Unix()})
	if err != nil {
		return nil, fmt.Errorf("phonesim: %w", err)
	}
	out := &Answering{Challenge: c.Bytes, Response: said, Key: key, Domain: DomainResponse}
	for _, edit := range edits {
		edit(out)
	}
	return out.sign()
}

func (a *Answering) sign() ([]byte, error) {
	a.Signature = Sign(a.Key, LP(a.Domain, a.Challenge, a.Response))
	if a.EditSignature != nil {
		a.Signature = a.EditSignature(a.Signature)
	}
	if a.Tamper != nil {
		a.Tamper(a)
	}
	body, err := json.Marshal(map[string]string{"response": B64(a.Response), "sig": B64(a.Signature)})
	if err == nil && a.EditBody != nil {
		body = a.EditBody(body)
	}
	return body, err
}

func (p *Phone) respond(ctx context.Context, cid string, body []byte) (string, error) {
	reply, err := p.Do(ctx, http.MethodPost, confirmation(cid)+"/respond", body)
	if err != nil {
		return "", err
	}
	var got struct {
		State string `json:"state"`
	}
	return got.State, reply.JSON(&got)
}

// twice is a finger that taps twice: the same bytes at the same moment. Both must hear the same.
func (p *Phone) twice(ctx context.Context, cid string, body []byte) (string, error) {
	type outcome struct {
		state string
		err   error
	}
	second := make(chan outcome, 1)
	go func() {
		state, err := p.respond(ctx, cid, body)
		second <- outcome{state, err}
	}()
	state, err := p.respond(ctx, cid, body)
	other := <-second
	if err := errors.Join(err, other.err); err != nil {
		return "", err
	}
	if state != other.state {
		return "", fmt.Errorf("phonesim: the two taps heard %q and %q", state, other.state)
	}
	return state, nil
}
