package provisioning

import "github.com/countersign/countersign/internal/vault"

// Sealed is where requests lie sealed that can be replayed.
var Sealed = vault.Place{Name: "recorded SCIM requests", Table: "provisioning_log", Column: "sealed", Key: []string{"workspace_id", "id"},
	About: func(key []string) string { return place(key[0], key[1]) }}
