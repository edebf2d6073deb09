package serverkeys

import "github.com/countersign/countersign/internal/vault"

// Sealed is where the server's own keys lie sealed.
var Sealed = vault.Place{Name: "keys of the server", Table: "server_keys", Column: "sealed", Key: []string{"purpose", "kid"},
	About: func(key []string) string { return about(Purpose(key[0]), key[1]) }}
