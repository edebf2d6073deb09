package provisioning

import (
	"context"
	"strings"
	"sync"
	"time"
)

// Client is which identity provider called, guessed from the traffic, and what the guess rests on. It is shown and decides nothing.
type Client struct {
	Name  string // such as "Entra ID"; "" where nothing tells
	Basis string // "user_agent", "address", "dialect" or "earlier_call"
}

// The providers whose traffic has signs of its own.
const (
	Entra = "Entra ID"
	Okta  = "Okta"
)

var agents = []struct{ part, name string }{
	{"okta", Okta}, {"azure", Entra}, {"microsoft", Entra}, {"onelogin", "OneLogin"}, {"jumpcloud", "JumpCloud"},
	{"pingidentity", "Ping Identity"}, {"pingone", "Ping Identity"}, {"sailpoint", "SailPoint"}, {"google", "Google"}, {"rippling", "Rippling"},
}

// guess looks for signs of a provider in one call.
func guess(e *Entry) Client {
	agent := strings.ToLower(e.UserAgent)
	for _, known := range agents {
		if strings.Contains(agent, known.part) {
			return Client{known.name, "user_agent"}
		}
	}
	if _, query, _ := strings.Cut(e.Target, "?"); strings.Contains(strings.ToLower(query), "aadoptscim062020") {
		return Client{Entra, "address"}
	}
	if entraWrites(e) {
		return Client{Entra, "dialect"}
	}
	return Client{}
}

// entraWrites says whether a PATCH is written as Entra ID alone writes it: operations with a capital letter.
func entraWrites(e *Entry) bool {
	if e.Method != "PATCH" {
		return false
	}
	list, _ := e.Body["Operations"].([]any)
	for _, o := range list {
		m, _ := o.(map[string]any)
		switch m["op"] {
		case "Add", "Replace", "Remove":
			return true
		}
	}
	return false
}

// known remembers the last guess for each token, for calls without any sign.
type known struct {
	mu sync.Mutex
	of map[string]Client
}

const knownMost = 10_000

// Guess is who makes a call: by its own signs, or else by those of an earlier call with the same token.
func (l *Log) Guess(e *Entry) Client {
	c := guess(e)
	k := &l.known
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case c.Name == "" && k.of[e.Token].Name != "":
		return Client{k.of[e.Token].Name, "earlier_call"}
	case c.Name == "" && e.UserAgent != "" && e.UserAgent != "-":
		name, _, _ := strings.Cut(e.UserAgent, "/")
		return Client{clip(strings.TrimSpace(name), 40), "user_agent"}
	case c.Name != "" && e.Token != "" && k.of[e.Token] != c:
		if len(k.of) >= knownMost {
			clear(k.of)
		}
		k.of[e.Token] = c
	}
	return c
}

// Remember takes up what earlier calls told of their providers before this process began. Run does it; it never fails.
func (l *Log) Remember(ctx context.Context) {
	now, err := l.db.Now(ctx)
	if err != nil {
		return
	}
	var rows []struct{ TokenID, Client string }
	err = l.db.Read(ctx).Raw("SELECT token_id, client FROM provisioning_minutes WHERE minute >= ? AND client <> '' AND token_id <> '' ORDER BY minute DESC LIMIT ?",
		now.Add(-3*24*time.Hour), knownMost).Scan(&rows).Error
	if err != nil {
		return
	}
	k := &l.known
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range rows {
		if k.of[r.TokenID].Name == "" && provider(r.Client) {
			k.of[r.TokenID] = Client{r.Client, "earlier_call"}
		}
	}
}

// provider says whether a name is that of a provider we know, and not what some program calls itself.
func provider(name string) bool {
	for _, a := range agents {
		if a.name == name {
			return true
		}
	}
	return false
}
