// Package apitest is a whole service without doors for tests: all domains wired as the program wires them, on a real database whose clock the
// test moves, with people, sessions and phones to play with.
package apitest

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/vault"
	"github.com/countersign/countersign/internal/workspace"
)

// World is one service.
type World struct {
	*assembly.Domains
	T      testing.TB
	Offset *Clock
	Ctx    context.Context
	Log    *slog.Logger
	setup  Setup // for replicas
}

// Clock is how far the database's clock is moved.
type Clock struct{ by, stopped atomic.Int64 }

// Advance moves the clock on.
func (c *Clock) Advance(d time.Duration) { c.by.Add(int64(d)) }

// Stop stops the clock at an instant; it can be stopped at another one later.
func (c *Clock) Stop(at time.Time) { c.stopped.Store(at.UnixNano()) }

// moved is what the clock shows when the real one shows real.
func (c *Clock) moved(real time.Time) time.Time {
	if at := c.stopped.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return real.Add(time.Duration(c.by.Load()))
}

// Each runs do in a fresh world on both databases.
func Each(t *testing.T, do func(t *testing.T, w *World)) {
	t.Helper()
	for _, d := range dbtest.Dialects {
		t.Run(d, func(t *testing.T) { do(t, New(t, d, nil)) })
	}
}

// New is a world on one database; nil sends pushes nowhere.
func New(t testing.TB, dialect string, sender push.Sender) *World {
	t.Helper()
	return On(t, dbtest.URL(t, dialect), sender)
}

// On is a world on the database at url, beside others that may use it too: another replica.
func On(t testing.TB, url string, sender push.Sender) *World {
	t.Helper()
	return With(t, url, func(d *assembly.Deps) {
		if sender != nil {
			d.Push = sender
		}
	})
}

// With is On with anything else that differs: a log to look through, a keyset shared between replicas, a process clock that is wrong.
func With(t testing.TB, url string, change func(*assembly.Deps)) *World {
	t.Helper()
	return Make(t, Setup{URL: url, Edit: change})
}

// Vault is a keyset of the test's own.
func Vault(t testing.TB) *vault.Vault {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keyset.json")
	if err := vault.Create(file); err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// InTx runs do in a transaction that has to succeed.
func (w *World) InTx(do func(tx database.Tx) error) {
	w.T.Helper()
	if err := w.DB.InTx(w.Ctx, do); err != nil {
		w.T.Fatal(err)
	}
}

// Workspace makes a workspace with an Owner, who is signed in.
func (w *World) Workspace(slug string) actor.Actor {
	w.T.Helper()
	var ws workspace.Workspace
	var owner directory.Person
	w.InTx(func(tx database.Tx) (err error) {
		by := actor.Actor{Kind: actor.Operator, Name: "test"}
		if ws, err = w.Workspaces.Create(tx, by, slug, "Workspace "+slug); err != nil {
			return err
		}
		by.Workspace = ws.ID
		if owner, err = directory.AddOwner(tx, by, ws.ID, "Ana Kovač", "ana@"+slug+".test"); err != nil {
			return err
		}
		_, _, _, err = w.Workspaces.Regenerate(tx, by, ws.ID, "", 0)
		return err
	})
	return w.Session(owner)
}

// Rules changes the rules of by's workspace without asking anybody.
func (w *World) Rules(by actor.Actor, change func(*workspace.Rules)) {
	w.T.Helper()
	w.InTx(func(tx database.Tx) error {
		ws, err := workspace.Find(tx.DB, by.Workspace)
		if err != nil {
			return err
		}
		r := ws.Rules()
		change(&r)
		return w.Workspaces.SetRules(tx, actor.Actor{Kind: actor.Operator, Workspace: by.Workspace, Name: "test"}, by.Workspace, r)
	})
}

// Colleague makes one more person in by's workspace, signed in.
func (w *World) Colleague(by actor.Actor, name string, role directory.Role) actor.Actor {
	w.T.Helper()
	var p directory.Person
	w.InTx(func(tx database.Tx) (err error) {
		p, err = directory.Add(tx, by, name, name+"@"+by.Workspace+".test", role)
		return err
	})
	return w.Session(p)
}

// Session is a person signed in from a browser of their own.
func (w *World) Session(p directory.Person) actor.Actor {
	now, err := w.DB.Now(w.Ctx)
	if err != nil {
		w.T.Fatal(err)
	}
	return actor.Actor{Kind: actor.Person, Workspace: p.Workspace, Person: p.ID, Name: p.Name, Role: string(p.Role), Session: ident.Hash(ident.Secret(16)),
		Browser: ident.Hash(ident.Secret(16)), SignedIn: now, Verified: now, IP: "192.0.2.7",
		UserAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"}
}
