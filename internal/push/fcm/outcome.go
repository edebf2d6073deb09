package fcm

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"firebase.google.com/go/v4/errorutils"
	"firebase.google.com/go/v4/messaging"

	"github.com/countersign/countersign/internal/push"
)

// What Google's guide demands where an answer has no Retry-After ("Best practices when sending FCM messages at scale").
const (
	quotaWait = time.Minute
	faultWait = 10 * time.Second
)

// words are FCM's own error codes, in the order of asking; below them come those of Google's platform, which say less. The helper
// functions look at the error itself and not at what it wraps, so they must see it raw.
var words = []struct {
	is   func(error) bool
	word string
}{
	{messaging.IsUnregistered, "UNREGISTERED"},
	{messaging.IsSenderIDMismatch, "SENDER_ID_MISMATCH"},
	{messaging.IsThirdPartyAuthError, "THIRD_PARTY_AUTH_ERROR"},
	{messaging.IsQuotaExceeded, "QUOTA_EXCEEDED"},
	{messaging.IsUnavailable, "UNAVAILABLE"},
	{messaging.IsInternal, "INTERNAL"},
	{messaging.IsInvalidArgument, "INVALID_ARGUMENT"},
	{errorutils.IsUnauthenticated, "UNAUTHENTICATED"},
	{errorutils.IsPermissionDenied, "PERMISSION_DENIED"},
	{errorutils.IsNotFound, "NOT_FOUND"},
	{errorutils.IsInvalidArgument, "INVALID_ARGUMENT"},
	{errorutils.IsResourceExhausted, "RESOURCE_EXHAUSTED"},
}

// failure classifies an attempt that did not succeed (protocol.md §6.1, §7.1).
func (s *Sender) failure(ctx context.Context, a *attempt, err error) push.Result {
	var token *tokenError
	switch {
	case errors.As(a.err, &token):
		return noToken(ctx, token.cause)
	case a.err != nil:
		return push.Unreached(ctx, a.err)
	case !a.made && ctx.Err() != nil:
		return push.Unreached(ctx, ctx.Err())
	case !a.made:
		return push.Result{Outcome: push.Rejected, Reason: "bad_message"}
	case a.status < 300:
		return push.Result{Outcome: push.Retry, Reason: "bad_answer"}
	}
	r := push.Result{Outcome: push.Rejected, Reason: reason(a.status, err)}
	switch {
	case messaging.IsUnregistered(err) && a.status == http.StatusNotFound:
		r.Outcome = push.Dead
	case a.status == http.StatusUnauthorized:
		r.Outcome = s.unauthorized(a, err)
	case a.status == http.StatusForbidden, a.status == http.StatusNotFound, a.status < 400:
		// The project, its permissions or the address of the service are wrong. A bare 404 says nothing about the phone.
		r.Outcome = push.Misconfigured
	case a.status == http.StatusTooManyRequests:
		r.Outcome, r.RetryAfter = push.Retry, s.wait(a, quotaWait)
	case a.status >= 500:
		r.Outcome, r.RetryAfter = push.Retry, s.wait(a, faultWait)
	case messaging.IsInvalidArgument(err) && s.worked.Load() && strings.Contains(err.Error(), "registration token"):
		// The same code is given for a bad payload. It is the token only where FCM says so and takes our other messages.
		r.Outcome = push.Dead
	}
	return r
}

func reason(status int, err error) string {
	for _, w := range words {
		if w.is(err) {
			return w.word
		}
	}
	return push.HTTPReason(status)
}

func (s *Sender) unauthorized(a *attempt, err error) push.Outcome {
	if !messaging.IsThirdPartyAuthError(err) && s.bearer.refused(a.bearer) {
		return push.Retry
	}
	return push.Misconfigured
}

func (s *Sender) wait(a *attempt, least time.Duration) time.Duration {
	if asked := push.RetryAfter(a.header, s.now()); asked > 0 {
		return asked
	}
	return least
}

// refusalWord is the error code of a token endpoint (RFC 6749 §5.2).
func refusalWord(body []byte) string {
	var answer struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(body, &answer) // anything else has no word
	return answer.Error
}
