package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/phonesim"
)

// errDead is what a client of a process that stands on a mine gets.
var errDead = errors.New("a dead process answered")

// step is a moment in the life of a confirmation at which the process is killed: what somebody was doing, and what is true afterwards.
type step struct {
	name  string
	mine  string
	after string // what had happened before: asked or approved
	does  func(s *scene, id string) error
	shows string // the state that the dialog shows after the restart
	then  func(s *scene, id string)
}

// lost is why a client of the process had no answer, or errDead where it had one.
func lost[T any](_ T, err error) error {
	if err == nil {
		return errDead
	}
	return err
}

var steps = []step{
	{name: "while the question is written", mine: "asking", does: (*scene).tryAsk, then: func(s *scene, _ string) {
		r := s.owner.Ask()
		if r.Status != http.StatusCreated {
			s.t.Errorf("asked again: %d; the first one was never written", r.Status)
		}
		s.confirmAndReveal(r.Text("id"))
	}},
	{name: "when the question is written and its answer not sent", mine: "created", does: (*scene).tryAsk, then: func(s *scene, _ string) {
		r := s.owner.Ask()
		if r.Status != http.StatusOK {
			s.t.Errorf("asked again: %d, want the one that waits already", r.Status)
		}
		s.confirmAndReveal(r.Text("id"))
	}},
	{name: "while an approval is written", mine: "to approved", after: "asked", shows: "pending", does: func(s *scene, id string) error {
		return lost(s.phone.Approve(s.t.Context(), id, phonesim.ApproveOptions{Code: s.code(id)}))
	}, then: (*scene).confirmAndReveal},
	{name: "while a denial is written", mine: "to denied", after: "asked", shows: "pending", does: func(s *scene, id string) error {
		return lost(s.phone.Deny(s.t.Context(), id, ""))
	}, then: func(s *scene, id string) {
		if state, err := s.phone.Deny(s.t.Context(), id, ""); err != nil || state != "denied" {
			s.t.Errorf("denied again: %s, %v", state, err)
		}
	}},
	{name: "when a denial is written and the phone not answered", mine: "decided", after: "asked", shows: "denied", does: func(s *scene, id string) error {
		return lost(s.phone.Deny(s.t.Context(), id, ""))
	}, then: func(s *scene, id string) {
		if state, err := s.phone.Deny(s.t.Context(), id, ""); err != nil || state != "denied" {
			s.t.Errorf("denied again: %s, %v", state, err)
		}
	}},
	{name: "while it is cancelled", mine: "to cancelled", after: "asked", shows: "pending", does: func(s *scene, id string) error {
		return lost(s.owner.Try("POST", "/v1/confirmations/"+id+"/cancel", map[string]string{}))
	}, then: (*scene).confirmAndReveal},
	{name: "while it is paid out", mine: "to consumed", after: "approved", shows: "approved", does: func(s *scene, id string) error {
		return lost(s.owner.Try("POST", "/v1/confirmations/"+id+"/reveal", map[string]string{}))
	}, then: func(s *scene, id string) {
		if r := s.reveals(id); r.Status != http.StatusOK || !strings.HasPrefix(r.Text("token"), "cs_scim_") {
			s.t.Errorf("reveal: %d %s", r.Status, r.Code())
		}
	}},
	{name: "while time ends it", mine: "to expired", after: "asked", shows: "expired", does: func(s *scene, id string) error {
		return s.history("UPDATE confirmations SET expires_at = ? WHERE id = ?", time.Now().Add(-time.Second), id)
	}, then: func(s *scene, id string) {
		if state, err := s.phone.Approve(s.t.Context(), id, phonesim.ApproveOptions{}); err == nil {
			s.t.Errorf("approved after its time: %s", state)
		}
	}},
}

// TestKilledAtEveryStep kills the process in the middle of each transaction of a confirmation's life, and between transaction and answer.
func TestKilledAtEveryStep(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, s *scene) {
		for _, step := range steps {
			if err := s.longAgo(); err != nil {
				t.Fatal(err)
			}
			t.Logf("killed %s", step.name)
			s.dies(step)
		}
	})
}

func (s *scene) dies(step step) {
	s.t.Helper()
	id := ""
	if step.after != "" {
		id = s.asks()
		s.pushed(id, 1)
	}
	if step.after == "approved" {
		if _, err := s.phone.Approve(s.t.Context(), id, phonesim.ApproveOptions{Code: s.code(id)}); err != nil {
			s.t.Fatal(err)
		}
	}
	s.restart(step.mine)
	heard := make(chan error, 1)
	go func() { heard <- step.does(s, id) }()
	select {
	case <-s.mine:
	case <-time.After(60 * time.Second):
		s.kill()
		s.t.Fatalf("the fail point was not reached: %v", <-heard)
	}
	s.restart("")
	if err := <-heard; errors.Is(err, errDead) {
		s.t.Error(err)
	}
	if step.shows != "" {
		if got := s.ends(id); got["state"] != step.shows {
			s.t.Fatalf("after the restart the dialog shows %v", got["state"])
		}
	}
	step.then(s, id)
}

func (s *scene) tryAsk(string) error {
	return lost(s.owner.Try("POST", "/v1/confirmations", map[string]string{"action": "scim.token.reveal"}))
}

func (s *scene) code(id string) string {
	s.t.Helper()
	return s.owner.Do("GET", "/v1/confirmations/"+id, nil).Text("code")
}

// longAgo moves what has ended into the past: below the limits on requests.
func (s *scene) longAgo() error {
	then := time.Now().Add(-2 * time.Hour)
	return s.history("UPDATE confirmations SET created_at = ?, expires_at = ? WHERE state NOT IN ('pending', 'approved') AND created_at > ?",
		then, then.Add(time.Minute), then.Add(time.Hour))
}

// history changes rows past the service, as time would have.
func (s *scene) history(sql string, args ...any) error {
	if s.behind == nil {
		s.behind = dbtest.Open(s.t, s.url)
	}
	return s.behind.InTx(s.t.Context(), func(tx database.Tx) error { return tx.Exec(sql, args...).Error })
}
