package phonesim

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

const largestReply = 1 << 20

// Request is one signed call before it is signed. An edit passed to Do changes what is signed and sent; Tamper changes what is sent after
// the signature was made.
type Request struct {
	Method    string // as signed and sent
	Target    string // path and query, as signed and sent
	Body      []byte
	Header    http.Header
	Device    string // dev=
	Time      int64  // ts=, Unix seconds
	JTI       []byte // 16 bytes
	Key       *ecdsa.PrivateKey
	Domain    string
	Signature []byte // set by signing

	EditSignature func(der []byte) []byte // what is sent in place of the DER signature
	Tamper        func(*Request)          // the last word, after signing
	Unsigned      bool                    // no X-Device-Sig at all
}

// Reply is an answer below 400.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// JSON reads the body into v.
func (r *Reply) JSON(v any) error {
	if err := json.Unmarshal(r.Body, v); err != nil {
		return fmt.Errorf("phonesim: unreadable reply: %w", err)
	}
	return nil
}

// Do sends a call signed by the poll key. body is nil, the exact []byte, or anything that becomes JSON. A refusal is a *Problem. A phone
// whose clock is wrong sets it by the server and tries once more; one whose call came twice, because something on the way repeated it, signs
// it anew, once. A call with edits is sent once, as it is.
func (p *Phone) Do(ctx context.Context, method, target string, body any, edits ...func(*Request)) (*Reply, error) {
	sent, err := encode(body)
	if err != nil {
		return nil, err
	}
	reply, err := p.once(ctx, method, target, sent, edits)
	for setRight, renewed := false, false; err != nil && len(edits) == 0; {
		refusal, ok := errors.AsType[*Problem](err)
		if !ok || refusal.Status != http.StatusUnauthorized {
			break
		}
		server, told := refusal.Time("server_time")
		switch {
		case refusal.Code == "clock_skew" && told && !setRight:
			setRight = true
			p.setClock(server)
		case refusal.Code == "replayed" && !renewed:
			renewed = true
		default:
			return reply, err
		}
		reply, err = p.once(ctx, method, target, sent, nil)
	}
	return reply, err
}

// get is Do for a GET whose reply is JSON.
func (p *Phone) get(ctx context.Context, target string, into any) error {
	reply, err := p.Do(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	return reply.JSON(into)
}

func (p *Phone) once(ctx context.Context, method, target string, body []byte, edits []func(*Request)) (*Reply, error) {
	r := &Request{
		Method: method, Target: target, Body: body, Header: http.Header{},
		Device: p.Identity().Device, Time: p.Now().Unix(), JTI: randomBytes(16), Key: p.poll, Domain: DomainRequest,
	}
	if method == http.MethodPost || method == http.MethodPut {
		r.Header.Set("Content-Type", "application/json") // also without a body
	}
	for _, edit := range edits {
		edit(r)
	}
	r.sign()
	return p.send(ctx, r.Method, r.Target, r.Body, r.Header)
}

// sign puts the X-Device-Sig header in.
func (r *Request) sign() {
	if !r.Unsigned {
		message := RequestMessage(r.Method, r.Target, r.Time, r.JTI, r.Body)
		r.Signature = Sign(r.Key, append([]byte(r.Domain), message[len(DomainRequest):]...))
		if r.EditSignature != nil {
			r.Signature = r.EditSignature(r.Signature)
		}
	}
	if r.Tamper != nil {
		r.Tamper(r)
	}
	if !r.Unsigned && r.Header.Get("X-Device-Sig") == "" {
		r.Header.Set("X-Device-Sig", fmt.Sprintf("v1;dev=%s;ts=%d;jti=%s;sig=%s", r.Device, r.Time, B64(r.JTI), B64(r.Signature)))
	}
}

// post sends an unsigned POST, as a phone does before the server knows it.
func (p *Phone) post(ctx context.Context, target string, body any, into any) error {
	sent, err := encode(body)
	if err != nil {
		return err
	}
	reply, err := p.send(ctx, http.MethodPost, target, sent, http.Header{"Content-Type": {"application/json"}})
	if err != nil {
		return err
	}
	return reply.JSON(into)
}

func (p *Phone) send(ctx context.Context, method, target string, body []byte, header http.Header) (*Reply, error) {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.url(target), content)
	if err != nil {
		return nil, fmt.Errorf("phonesim: %w", err)
	}
	req.Header = header
	res, err := p.o.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("phonesim: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(res.Body, largestReply))
	if err != nil {
		return nil, fmt.Errorf("phonesim: read the reply: %w", err)
	}
	if res.StatusCode >= http.StatusBadRequest {
		return nil, problem(res.StatusCode, res.Header, got)
	}
	return &Reply{Status: res.StatusCode, Header: res.Header, Body: got}, nil
}

func encode(body any) ([]byte, error) {
	switch b := body.(type) {
	case nil:
		return nil, nil
	case []byte:
		return b, nil
	}
	b, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("phonesim: %w", err)
	}
	return b, nil
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		panic("phonesim: no randomness: " + err.Error())
	}
	return b
}

// segment is an id as one part of a path.
func segment(id string) string { return url.PathEscape(id) }
