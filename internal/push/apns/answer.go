package apns

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/sideshow/apns2"
	"github.com/sideshow/apns2/token"

	"github.com/countersign/countersign/internal/push"
)

// How long to leave a service alone that gave no Retry-After.
const (
	faultWait = 10 * time.Second
	tokenWait = time.Minute // after TooManyProviderTokenUpdates the connection stays unusable for a while
)

const answerLimit = 4 << 10

type answerKey struct{}

// answer is what the library does not pass on: the headers, and the timestamp before it is cut to seconds.
type answer struct {
	header    http.Header
	timestamp time.Time
}

// faithful keeps the status of an answer that is not JSON. The library decodes every body and, when that fails, returns a response
// with status 0, so that a proxy's 502 page would look like nothing known.
type faithful struct{ *push.Transport }

func (f faithful) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := f.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		Reason    string `json:"reason,omitempty"`
		Timestamp int64  `json:"timestamp,omitempty"`
	}
	if res.StatusCode != http.StatusOK {
		raw, _ := io.ReadAll(io.LimitReader(res.Body, answerLimit)) // the status is the answer, with or without its reason
		_ = json.Unmarshal(raw, &body)
		body.Reason = push.Word(body.Reason, push.HTTPReason(res.StatusCode))
	}
	_ = res.Body.Close()
	if a, ok := r.Context().Value(answerKey{}).(*answer); ok {
		a.header = res.Header
		if body.Timestamp > 0 {
			a.timestamp = time.UnixMilli(body.Timestamp).UTC()
		}
	}
	plain, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(plain))
	return res, nil
}

// try makes one request.
func (s *Sender) try(ctx context.Context, env *environment, t *token.Token, n *apns2.Notification) push.Result {
	a := new(answer)
	client := apns2.Client{Host: env.host, Token: t, HTTPClient: env.http}
	res, err := client.PushWithContext(context.WithValue(ctx, answerKey{}, a), n)
	if err != nil {
		return push.Unreached(ctx, err)
	}
	if res.Reason == apns2.ReasonShutdown || res.Reason == apns2.ReasonTooManyProviderTokenUpdates {
		env.pool.Redial()
	}
	r := result(res.StatusCode, res.Reason, a.timestamp)
	if r.Outcome == push.Sent {
		r.ProviderID = push.Word(res.ApnsID, "")
	}
	if asked := push.RetryAfter(a.header, s.now()); r.Outcome == push.Retry && asked > 0 {
		r.RetryAfter = asked
	}
	return r
}

// ours are the 400s that say something about this service's settings and nothing about the message or the phone. All 403s are
// such, also those that the library has no names for (BadEnvironmentKeyIdInToken and its like).
var ours = map[string]bool{
	apns2.ReasonDeviceTokenNotForTopic: true, apns2.ReasonTopicDisallowed: true, apns2.ReasonBadTopic: true, apns2.ReasonMissingTopic: true,
}

// result classifies an answer (protocol.md §6.1, §7.2).
func result(status int, reason string, timestamp time.Time) push.Result {
	r := push.Result{Outcome: push.Rejected, Reason: reason}
	switch {
	case status == http.StatusOK:
		return push.Result{Outcome: push.Sent}
	case status == http.StatusGone:
		r.Outcome, r.DeadSince = push.Dead, timestamp
	case reason == apns2.ReasonBadDeviceToken:
		r.Outcome = push.Dead // not a token, or one of the other environment: of no use either way
	case status == http.StatusForbidden, status < 400, ours[reason]:
		r.Outcome = push.Misconfigured
	case reason == apns2.ReasonTooManyProviderTokenUpdates:
		r.Outcome, r.RetryAfter = push.Retry, tokenWait
	case status == http.StatusTooManyRequests, status >= 500, reason == apns2.ReasonIdleTimeout:
		r.Outcome, r.RetryAfter = push.Retry, faultWait
	}
	return r
}
