package provisioning

import "strings"

// Replayable says whether a request can be replayed as one call: what only looks need not be, and a bulk call is many.
func (r Raw) Replayable() bool {
	path, _, _ := strings.Cut(strings.ToLower(r.Target), "?")
	return writes(r.Method) && !strings.HasPrefix(path, "/bulk") && !strings.HasSuffix(path, "/.search")
}

// Replayed is what a replay did, or, as a dry run, what it would do.
type Replayed struct {
	DryRun                  bool
	Status                  int
	Code                    string // of a refusal
	Detail                  string
	Event                   string
	Kind, Subject, Name     string
	Changes                 []FieldChange
	Added, Removed, Unknown int64
	Row                     string // id of its own row; "" for a dry run
}
