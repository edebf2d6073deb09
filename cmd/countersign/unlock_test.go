package main

import (
	"testing"

	"github.com/countersign/countersign/internal/apitest"
)

func TestTheOperatorUnlocksAPersonAndLiftsAFreeze(t *testing.T) {
	everyDatabase(t, func(t *testing.T, env map[string]string) {
		countersign(t, env, apitest.Password+"\n", "workspace", "create", "--slug", "acme", "--name", "Acme", "--owner-name", "Ana Kovač",
			"--owner-email", "ana@acme.test", "--owner-password-stdin").must(t, done)
		countersign(t, env, "", "unlock", "--workspace", "acme", "--email", "ana@acme.test", "--operator", "Sam", "--freeze").must(t, done)
		countersign(t, env, "", "unlock", "--workspace", "acme", "--email", "nobody@acme.test", "--operator", "Sam").must(t, failed)
		countersign(t, env, "", "unlock", "--workspace", "acme", "--email", "ana@acme.test").must(t, wrongUse)
	})
}
