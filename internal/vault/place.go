package vault

// Place is a column of sealed values. Each package that seals something describes its own.
type Place struct {
	Name   string   // for people, e.g. "SCIM tokens"
	Table  string   // of the database
	Column string   // holds what was sealed, or NULL
	Key    []string // the columns that name a row; all are text
	// About gives what a value was bound to (Seal), from the values of Key in that order.
	About func(key []string) string
}
