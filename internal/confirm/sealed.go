package confirm

import "github.com/countersign/countersign/internal/vault"

// Sealed is where the six digits of pending confirmations lie sealed.
var Sealed = vault.Place{Name: "codes of pending confirmations", Table: "confirmations", Column: "code_sealed", Key: []string{"id"},
	About: func(key []string) string { return codePlace(key[0]) }}
