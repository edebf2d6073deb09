package sso

import "github.com/countersign/countersign/internal/vault"

// Sealed is where the secrets lie that providers gave to workspaces.
var Sealed = vault.Place{Name: "client secrets of identity providers", Table: "identity_providers", Column: "secret_sealed", Key: []string{"workspace_id"},
	About: func(key []string) string { return about(key[0]) }}
