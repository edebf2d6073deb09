package fcm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"github.com/countersign/countersign/internal/push"
)

const (
	fetchTimeout = 10 * time.Second // a fetch may outlive the push that started it, for the next one
	renewBefore  = 5 * time.Minute  // from here on a new token is fetched in the background
	useBefore    = 15 * time.Second // from here on the old one is not used any more
)

// bearer keeps the access token. oauth2's own source holds a lock while it fetches, without a deadline: one slow token endpoint
// would block every push. Here one fetch runs at a time and each push waits for it only as long as its own context allows.
type bearer struct {
	fetch func() (*oauth2.Token, error)
	now   func() time.Time

	mu       sync.Mutex
	token    *oauth2.Token
	proved   string // the last token that a push was accepted with
	fetching *fetching
}

type fetching struct {
	done  chan struct{}
	token *oauth2.Token
	err   error
}

func newBearer(signer *jwt.Config, base http.RoundTripper, now func() time.Time) *bearer {
	return &bearer{now: now, fetch: func() (*oauth2.Token, error) {
		wire := &remembering{base: base}
		client := &http.Client{Transport: wire, Timeout: fetchTimeout, CheckRedirect: push.NoRedirects}
		token, err := signer.TokenSource(context.WithValue(context.Background(), oauth2.HTTPClient, client)).Token()
		if err != nil && wire.err != nil {
			return nil, wire.err
		}
		return token, err
	}}
}

// remembering keeps the error of the connection, which oauth2 turns into text.
type remembering struct {
	base http.RoundTripper
	err  error
}

func (m *remembering) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := m.base.RoundTrip(r)
	m.err = err
	return res, err
}

// get returns a token that is good for this request.
func (b *bearer) get(ctx context.Context) (string, error) {
	b.mu.Lock()
	var left time.Duration
	if b.token != nil {
		left = b.token.Expiry.Sub(b.now())
	}
	var f *fetching
	if left < renewBefore {
		f = b.start()
	}
	token := b.token
	b.mu.Unlock()
	if left > useBefore {
		return token.AccessToken, nil
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if f.err != nil {
		return "", f.err
	}
	return f.token.AccessToken, nil
}

// start returns the fetch that is under way, or begins one. The lock is held.
func (b *bearer) start() *fetching {
	if b.fetching != nil {
		return b.fetching
	}
	f := &fetching{done: make(chan struct{})}
	b.fetching = f
	go func() {
		f.token, f.err = b.fetch()
		b.mu.Lock()
		if f.err == nil {
			b.token = f.token
		}
		b.fetching = nil
		b.mu.Unlock()
		close(f.done)
	}()
	return f
}

// accepted remembers that FCM took a push under this token.
func (b *bearer) accepted(token string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.proved = token
}

// refused forgets a token that FCM answered with 401 and tells whether it ever worked: one that did was withdrawn and the next
// will do; one that never did means that the account is not allowed to send.
func (b *bearer) refused(token string) (worked bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.token != nil && b.token.AccessToken == token {
		b.token = nil
	}
	return b.proved == token
}

// authorized adds the token to each request.
type authorized struct {
	base   http.RoundTripper
	bearer *bearer
}

// tokenError is a failure to get an access token, as opposed to one of the push itself.
type tokenError struct{ cause error }

func (e *tokenError) Error() string { return fmt.Sprintf("fcm: access token: %v", e.cause) }
func (e *tokenError) Unwrap() error { return e.cause }

func (t authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := t.bearer.get(r.Context())
	if err != nil {
		return nil, &tokenError{err}
	}
	if a, ok := r.Context().Value(attemptKey{}).(*attempt); ok {
		a.bearer = token
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	return t.base.RoundTrip(r)
}

// noToken is the result of a push for which no access token could be had.
func noToken(ctx context.Context, err error) push.Result {
	var refusal *oauth2.RetrieveError
	if !errors.As(err, &refusal) {
		return push.Unreached(ctx, err)
	}
	status := refusal.Response.StatusCode
	r := push.Result{Outcome: push.Misconfigured, Reason: push.Word(refusalWord(refusal.Body), "token_"+push.HTTPReason(status))}
	if status >= 500 || status == http.StatusTooManyRequests {
		r.Outcome, r.RetryAfter = push.Retry, push.RetryAfter(refusal.Response.Header, time.Now())
	}
	return r
}
