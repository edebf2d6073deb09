package fcm

import (
	"bytes"
	"io"
	"net/http"
)

const answerLimit = 64 << 10

// notRetried is the status under which the SDK is shown what it would otherwise ask for again, or take for success (it counts
// redirects as such).
const notRetried = 599

type attemptKey struct{}

// attempt is what really happened under one call of the SDK.
type attempt struct {
	made   bool
	bearer string
	err    error // no complete answer came
	status int
	header http.Header
}

// once is the RoundTripper that lets one request out for each call. Everything that would make the SDK send again (a transport
// error, an answer cut short, a 503) is recorded in the attempt and shown to the SDK as status 599.
type once struct{ base http.RoundTripper }

func (o once) RoundTrip(r *http.Request) (*http.Response, error) {
	a, ok := r.Context().Value(attemptKey{}).(*attempt)
	if !ok || a.made {
		return substitute(r), nil
	}
	a.made = true
	res, err := o.base.RoundTrip(r)
	if err != nil {
		a.err = err
		return substitute(r), nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, answerLimit))
	_ = res.Body.Close() // what was read is all that is wanted
	if err != nil {
		a.err = err
		return substitute(r), nil
	}
	a.status, a.header = res.StatusCode, res.Header
	if res.StatusCode >= 300 && res.StatusCode < 400 || res.StatusCode == http.StatusServiceUnavailable {
		res.StatusCode = notRetried
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

func substitute(r *http.Request) *http.Response {
	return &http.Response{
		StatusCode: notRetried, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader([]byte("{}"))), Request: r,
	}
}
