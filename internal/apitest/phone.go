package apitest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/signing"
)

// Phone is a phone that speaks to the domains directly; the doors are tested with the simulator.
type Phone struct {
	w        *World
	ID       string
	UV, Poll *ecdsa.PrivateKey
}

// NoConfirmation is given where none is needed.
func NoConfirmation(database.Tx) error { return confirm.ErrRequired }

// Phone pairs a first phone for by and activates it.
func (w *World) Phone(by actor.Actor) *Phone {
	w.T.Helper()
	return w.PhoneWith(by, NoConfirmation, "")
}

// PhoneWith pairs a phone with a confirmation to spend and a push address (JSON) to register.
func (w *World) PhoneWith(by actor.Actor, spend func(database.Tx) error, push string) *Phone {
	w.T.Helper()
	par, err := w.Devices.Begin(w.Ctx, by, spend)
	if err != nil {
		w.T.Fatal(err)
	}
	p := w.Claim(par, push)
	if got, err := w.Devices.Match(w.Ctx, by, par.ID, true); err != nil || got.State != "matched" {
		w.T.Fatalf("match: %v %v", got.State, err)
	}
	all, _, err := w.Confirms.Waiting(w.Ctx, p.Actor(by))
	if err != nil || len(all) != 1 || all[0].Action != confirm.ActivateDevice {
		w.T.Fatalf("after matching the phone is asked %v (%v)", all, err)
	}
	if _, err := p.Approve(all[0].CID, ""); err != nil {
		w.T.Fatal(err)
	}
	return p
}

// Claim claims a pairing with fresh keys.
func (w *World) Claim(par device.Pairing, push string) *Phone {
	w.T.Helper()
	p := &Phone{w: w, UV: Key(w.T), Poll: Key(w.T)}
	secret := par.Link[strings.LastIndexByte(par.Link, '.')+1:]
	got, err := w.Devices.Claim(w.Ctx, par.ID, p.ClaimOf(par.ID, secret, push), "192.0.2.9", "Companion/1")
	if err != nil {
		w.T.Fatal(err)
	}
	p.ID = got.Device
	return p
}

// ClaimOf is what the phone sends to claim a pairing.
func (p *Phone) ClaimOf(pairing, secret, push string) device.Claim {
	uv, poll := signing.SPKI(&p.UV.PublicKey), signing.SPKI(&p.Poll.PublicKey)
	if push != "" {
		push = `,"push":` + push
	}
	payload := fmt.Appendf(nil, `{"secret":%q,"name":"iPhone of Ana","platform":"ios","os":"iOS 19","app":"1.0","keys":{"uv":%q,"poll":%q}%s}`, secret,
		signing.B64(uv), signing.B64(poll), push)
	message := signing.Pair(pairing, secret, uv, poll, payload)
	return device.Claim{Payload: payload, SigUV: p.sign(p.UV, message), SigPoll: p.sign(p.Poll, message)}
}

// Key is a fresh P-256 key.
func Key(t interface{ Fatal(...any) }) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Actor is the phone acting for its person.
func (p *Phone) Actor(by actor.Actor) actor.Actor {
	return actor.Actor{Kind: actor.Device, Workspace: by.Workspace, Person: by.Person, Device: p.ID}
}

// Signed is a call of the phone, checked.
func (p *Phone) Signed() (device.Signed, error) {
	now, err := p.w.DB.Now(p.w.Ctx)
	if err != nil {
		return device.Signed{}, err
	}
	return p.w.Devices.Authenticate(p.w.Ctx, p.Request(now, ident.Secret(16)))
}

// Request is a call of the phone at a time with a jti of the test's choice.
func (p *Phone) Request(at time.Time, jti string) device.Request {
	raw, err := signing.Unb64(jti)
	if err != nil {
		p.w.T.Fatal(err)
	}
	return device.Request{Method: "POST", Path: "/v1/device/x", Header: p.header("POST", "/v1/device/x", at, jti, raw, nil)}
}

// Header is the X-Device-Sig of a call made now.
func (p *Phone) Header(method, path, jti string, body []byte) string {
	raw, err := signing.Unb64(jti)
	if err != nil {
		p.w.T.Fatal(err)
	}
	now, err := p.w.DB.Now(p.w.Ctx)
	if err != nil {
		p.w.T.Fatal(err)
	}
	return p.header(method, path, now, jti, raw, body)
}

func (p *Phone) header(method, path string, at time.Time, jti string, raw, body []byte) string {
	ts := fmt.Sprint(at.Unix())
	sig := p.sign(p.Poll, signing.Request(method, path, ts, raw, body))
	return fmt.Sprintf("v1;dev=%s;ts=%s;jti=%s;sig=%s", p.ID, ts, jti, signing.B64(sig))
}

// Approve taps It's me!, with the code where one is asked for.
func (p *Phone) Approve(cid, code string) (confirm.State, error) {
	return p.Send(cid, p.Answer(cid, "approve", code, "", p.UV))
}

// Deny taps It's not me.
func (p *Phone) Deny(cid, reason string) (confirm.State, error) {
	return p.Send(cid, p.Answer(cid, "deny", "", reason, p.Poll))
}

// Send sends a prepared answer.
func (p *Phone) Send(cid string, a confirm.Answer) (confirm.State, error) {
	req, err := p.Signed()
	if err != nil {
		return "", err
	}
	return p.w.Confirms.Answer(p.w.Ctx, req, cid, a)
}

// Challenge is the question as the phone was given it, whatever became of the confirmation.
func (p *Phone) Challenge(cid string) []byte {
	p.w.T.Helper()
	var text string
	if err := p.w.DB.Read(p.w.Ctx).Raw("SELECT challenge FROM challenges WHERE confirmation_id = ? AND device_id = ?", cid, p.ID).Scan(&text).Error; err != nil {
		p.w.T.Fatal(err)
	}
	b, err := signing.Unb64(text)
	if err != nil {
		p.w.T.Fatal(err)
	}
	return b
}

// Answer is a signed answer by a key of the test's choice.
func (p *Phone) Answer(cid, decision, code, reason string, key *ecdsa.PrivateKey) confirm.Answer {
	p.w.T.Helper()
	challenge := p.Challenge(cid)
	sum := sha256.Sum256(challenge)
	body := map[string]any{"v": 1, "cid": cid, "chs": signing.B64(sum[:]), "dev": p.ID, "dec": decision, "uv": "biometric", "iat": time.Now().Unix()}
	if code != "" {
		body["code"] = code
	}
	if reason != "" {
		body["reason"] = reason
	}
	b, err := json.Marshal(body)
	if err != nil {
		p.w.T.Fatal(err)
	}
	return confirm.Answer{Response: b, Sig: p.sign(key, signing.Response(challenge, b))}
}

// Signs an answer of the test's own making.
func (p *Phone) Sign(cid string, response []byte, key *ecdsa.PrivateKey) confirm.Answer {
	return confirm.Answer{Response: response, Sig: p.sign(key, signing.Response(p.Challenge(cid), response))}
}

func (p *Phone) sign(k *ecdsa.PrivateKey, message []byte) []byte {
	b, err := signing.Sign(k, message)
	if err != nil {
		p.w.T.Fatal(err)
	}
	return b
}
