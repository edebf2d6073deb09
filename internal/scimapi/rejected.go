package scimapi

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/workspace"
)

// rejects remembers for a minute which refused Authorization headers carried a token of ours, under a keyed hash whose key lives and dies with
// this process, so that a provider that goes on with an old token does not cost a look-up for each call. No header is kept.
type rejects struct {
	mu   sync.Mutex
	key  [32]byte
	seen map[[sha256.Size]byte]reject
}

type reject struct {
	token workspace.Token
	ours  bool
	until time.Time
}

const rejectsMost = 4096

func newRejects() *rejects {
	r := &rejects{seen: map[[sha256.Size]byte]reject{}}
	_, _ = rand.Read(r.key[:]) // it never fails
	return r
}

// token is the token of ours that a refused header carries.
func (r *rejects) token(ctx context.Context, header string, now time.Time,
	recognise func(context.Context, string) (workspace.Token, bool, error)) (workspace.Token, bool) {
	h := hmac.New(sha256.New, r.key[:])
	_, _ = h.Write([]byte(header))
	sum := [sha256.Size]byte(h.Sum(nil))
	r.mu.Lock()
	known, ok := r.seen[sum]
	r.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.token, known.ours
	}
	t, found, err := recognise(ctx, header)
	if err != nil {
		return t, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) >= rejectsMost {
		clear(r.seen)
	}
	r.seen[sum] = reject{t, found, now.Add(time.Minute)}
	return t, found
}

// UnknownTokens is how many calls this process has refused whose token was never ours. They name no workspace, so no log tells of them.
func (a *API) UnknownTokens() int64 { return a.unknown.Load() }

// rejected logs a call that was not let in, where its token is one of ours; what nobody knows belongs to no workspace and is not kept. Whoever
// sent a token of ours hears what became of it, and nobody else anything: that is known to the holder of a whole token alone.
func (a *API) rejected(c *gin.Context, t *tally, err error) error {
	header := c.GetHeader("Authorization")
	if a.Log == nil || a.Recognise == nil || header == "" || len(header) > 2048 {
		return err
	}
	token, ours := a.rejects.token(c.Request.Context(), header, a.Now(), a.Recognise)
	if !ours {
		a.unknown.Add(1)
		return err
	}
	e := &t.entry
	e.Workspace, e.Token, e.TokenHint, e.Result = token.Workspace, token.ID, token.Hint, provisioning.Rejected
	e.Status, e.Code = 401, provisioning.ReasonFor("unauthorized", 401, "").Code
	if !t.date() {
		return err
	}
	e.Client = a.Log.Guess(e)
	e.TokenStory = story(token, e.At)
	a.Log.Later(e)
	if why := fate(token, e.At); why != "" {
		return errToken.Saying("The bearer token %s. Put the current one into the provider's settings.", why)
	}
	return err
}

// fate says what ended a token, to whoever sent it; "" where nothing did.
func fate(t workspace.Token, now time.Time) string {
	switch {
	case t.Live(now):
		return ""
	case t.State == workspace.Revoked && t.RevokedAt != nil:
		return "was revoked on " + t.RevokedAt.UTC().Format(provisioning.Moment)
	case t.State == workspace.Replaced && t.Over() != nil:
		return "was replaced by another one, and has not been valid since " + t.Over().UTC().Format(provisioning.Moment)
	case t.ExpiresAt != nil:
		return "expired on " + t.ExpiresAt.UTC().Format(provisioning.Moment)
	}
	return ""
}

// day is how a story names a day; the moment at which a token ended is named as the log finds it again.
const day = "2 January 2006"

// story says what a refused token is, for somebody who has to find out where it comes from.
func story(t workspace.Token, now time.Time) string {
	name := "(…" + t.Hint + ")"
	switch {
	case t.Live(now):
		return "the right token " + name + ", but not as the header needs it: the word Bearer, one blank and the token, without quotes."
	case t.State == workspace.Revoked && t.RevokedAt != nil && t.EndedBy != "":
		return "the token " + name + " that " + t.EndedBy + " revoked on " + t.RevokedAt.UTC().Format(provisioning.Moment) + "."
	case t.State == workspace.Revoked && t.RevokedAt != nil:
		return "the token " + name + " that was revoked on " + t.RevokedAt.UTC().Format(provisioning.Moment) + "."
	case t.State == workspace.Replaced && t.Over() != nil:
		return "the token " + name + " that was replaced" + since(t.ReplacedAt) + ". It has not been valid since " + t.Over().UTC().Format(provisioning.Moment) + "."
	case t.ExpiresAt != nil:
		return "a token " + name + " that expired on " + t.ExpiresAt.UTC().Format(provisioning.Moment) + "."
	}
	return "a token " + name + " that is not valid any more."
}

func since(at *time.Time) string {
	if at == nil {
		return ""
	}
	return " on " + at.UTC().Format(day)
}
