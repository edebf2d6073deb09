package workspace

import "github.com/countersign/countersign/internal/vault"

// Sealed is where SCIM tokens lie sealed.
var Sealed = vault.Place{Name: "SCIM tokens", Table: "scim_tokens", Column: "sealed", Key: []string{"workspace_id", "id"},
	About: func(key []string) string { return about(key[0], key[1]) }}
