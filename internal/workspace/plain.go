package workspace

import "github.com/countersign/countersign/internal/ident"

// tokenPrefix is what secret scanners find a SCIM token by.
const tokenPrefix = "cs_scim_"

func newPlain() string { return ident.Token(tokenPrefix) }

// wellFormed says whether raw has the form of a token, its sum included.
func wellFormed(raw string) bool { return ident.IsToken(tokenPrefix, raw) }
