package main

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/phonesim"
)

// tokenStep is a change of the SCIM token in whose transaction the process is killed: nothing of it has happened then, the approval is not
// spent, and the same call does it after the restart.
type tokenStep struct {
	name, mine string
	action     string
	resource   func(l *liveTokens) string // "" is the live token
	params     map[string]any
	call       func(l *liveTokens, id string) (path string, body map[string]any)
	then       func(l *liveTokens, done map[string]any)
	works      func(l *liveTokens) []string // tokens that the change leaves alone
	ends       func(l *liveTokens) []string // tokens that it ends
}

// liveTokens is what a story of tokens has come to.
type liveTokens struct {
	*scene
	first, second, third string // tokens
	firstID, newID       string
}

var tokenSteps = []tokenStep{
	{name: "the old token is replaced and the new one not written", mine: "replaced", action: "scim.token.regenerate",
		params: map[string]any{"reason": "yearly", "overlap_seconds": 86400}, call: byCollecting,
		works: func(l *liveTokens) []string { return []string{l.first} }, ends: nothing,
		then: func(l *liveTokens, done map[string]any) {
			l.second, _ = done["token"].(string)
			l.firstID, l.newID = l.overlap()
		}},
	{name: "a regeneration is being taken back", mine: "cancelling", action: "scim.token.cancel_regeneration", resource: theNew,
		call:  performs("/cancel-regeneration"),
		works: func(l *liveTokens) []string { return []string{l.first} },
		ends:  func(l *liveTokens) []string { return []string{l.second} }},
	{name: "the new token is written and the commit not made", mine: "renewing", action: "scim.token.regenerate",
		params: map[string]any{"overlap_seconds": 86400}, call: byCollecting,
		works: func(l *liveTokens) []string { return []string{l.first} }, ends: nothing,
		then: func(l *liveTokens, done map[string]any) {
			l.third, _ = done["token"].(string)
			l.firstID, l.newID = l.overlap()
		}},
	{name: "an overlap is being ended", mine: "ending overlap", action: "scim.token.end_overlap",
		resource: func(l *liveTokens) string { return l.firstID },
		call: func(l *liveTokens, id string) (string, map[string]any) {
			return performed(l.firstID, "/end-overlap", id)
		},
		works: func(l *liveTokens) []string { return []string{l.third} },
		ends:  func(l *liveTokens) []string { return []string{l.first} }},
	{name: "the last token is being revoked", mine: "revoking", action: "scim.token.revoke", resource: theNew,
		call:  performs("/revoke"),
		works: nothing,
		ends:  func(l *liveTokens) []string { return []string{l.third} }},
}

func nothing(*liveTokens) []string { return nil }

func theNew(l *liveTokens) string { return l.newID }

func byCollecting(_ *liveTokens, id string) (string, map[string]any) {
	return "/v1/confirmations/" + id + "/reveal", map[string]any{}
}

func performs(what string) func(*liveTokens, string) (string, map[string]any) {
	return func(l *liveTokens, id string) (string, map[string]any) { return performed(l.newID, what, id) }
}

func performed(token, what, confirmation string) (string, map[string]any) {
	return "/v1/tokens/" + token + what, map[string]any{"confirmation_id": confirmation}
}

// TestKilledWhileATokenChanges kills the process in the transaction of each change of a token, after the database has taken the change and
// before its commit.
func TestKilledWhileATokenChanges(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, s *scene) {
		l := &liveTokens{scene: s}
		id := s.asks()
		if _, err := s.phone.Approve(t.Context(), id, phonesim.ApproveOptions{}); err != nil {
			t.Fatal(err)
		}
		l.first = s.reveals(id).Text("token")
		for _, step := range tokenSteps {
			if err := s.longAgo(); err != nil {
				t.Fatal(err)
			}
			t.Logf("killed when %s", step.name)
			l.dies(step)
		}
	})
}

// dies lives one step: the change is asked for and approved on the process that stands on the mine, killed with it, and made after the restart.
func (l *liveTokens) dies(step tokenStep) {
	l.t.Helper()
	l.restart(step.mine)
	body := map[string]any{"action": step.action}
	if step.resource != nil {
		body["resource"] = "scim_token:" + step.resource(l)
	}
	if step.params != nil {
		body["params"] = step.params
	}
	asked := l.owner.Do("POST", "/v1/confirmations", body)
	if asked.Status != http.StatusCreated {
		l.t.Fatalf("asked: %d %s", asked.Status, asked.Body)
	}
	id := asked.Text("id")
	if state, err := l.phone.Approve(l.t.Context(), id, phonesim.ApproveOptions{Code: asked.Text("code")}); err != nil || state != "approved" {
		l.t.Fatalf("%s, %v", state, err)
	}
	path, with := step.call(l, id)
	heard := make(chan error, 1)
	go func() { heard <- lost(l.owner.Try("POST", path, with)) }()
	select {
	case <-l.mine:
	case <-time.After(60 * time.Second):
		l.kill()
		l.t.Fatalf("the fail point was not reached: %v", <-heard)
	}
	l.restart("")
	if err := <-heard; errors.Is(err, errDead) {
		l.t.Error(err)
	}
	if got := l.ends(id); got["state"] != "approved" {
		l.t.Fatalf("after the restart: %v", got["state"])
	}
	l.answer(http.StatusOK, step.works(l))
	if step.mine != "cancelling" { // a token that is used cannot be taken back any more
		l.answer(http.StatusOK, step.ends(l))
	}
	made := l.owner.Do("POST", path, with)
	if made.Status/100 != 2 {
		l.t.Fatalf("after the restart: %d %s", made.Status, made.Body)
	}
	if step.then != nil {
		step.then(l, made.JSON)
	}
	l.answer(http.StatusOK, step.works(l))
	l.answer(http.StatusUnauthorized, step.ends(l))
	if again := l.owner.Do("POST", path, with); again.Status/100 != 4 {
		l.t.Errorf("once more: %d", again.Status)
	}
}

// overlap is which token lives on beside which.
func (l *liveTokens) overlap() (oldID, newID string) {
	l.t.Helper()
	r := l.owner.Do("GET", "/v1/directory", nil)
	o, _ := r.JSON["overlap"].(map[string]any)
	oldID, _ = o["old_id"].(string)
	newID, _ = o["new_id"].(string)
	if oldID == "" || newID == "" {
		l.t.Fatalf("no overlap: %s", r.Body)
	}
	return oldID, newID
}

// answer demands what an identity provider with each of these tokens is answered.
func (l *liveTokens) answer(want int, tokens []string) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	for _, token := range tokens {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.base()+"/v1/scim/v2/Users?filter=userName+eq+%22x%22", http.NoBody)
		if err != nil {
			l.t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			l.t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			l.t.Errorf("a token is answered %d, want %d", res.StatusCode, want)
		}
	}
}
