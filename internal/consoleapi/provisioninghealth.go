package consoleapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/signin"
	"github.com/countersign/countersign/internal/workspace"
)

type healthResponse struct {
	State        string                  `json:"state"`
	Sentences    []provisioning.Sentence `json:"sentences"`
	Client       string                  `json:"client,omitempty"`
	FirstCallAt  *time.Time              `json:"first_call_at,omitempty"`
	LastCallAt   *time.Time              `json:"last_call_at,omitempty"`
	NextExpected *time.Time              `json:"next_expected_at,omitempty"`
	EverySeconds int64                   `json:"every_seconds,omitempty"`
	Open         int64                   `json:"open"`
	Cycles       []cycleResponse         `json:"cycles"`
	Minutes      []minuteResponse        `json:"minutes"`
	Tokens       []tokenUseResponse      `json:"tokens"`
	Forecast     *forecastResponse       `json:"forecast,omitempty"`
	ServerTime   time.Time               `json:"server_time"`
}

type cycleResponse struct {
	Start    time.Time           `json:"start"`
	End      time.Time           `json:"end"`
	Initial  bool                `json:"initial"`
	Running  bool                `json:"running"`
	Cut      bool                `json:"cut"`
	Inferred bool                `json:"inferred"`
	Client   string              `json:"client,omitempty"`
	Counts   provisioning.Counts `json:"counts"`
}

type minuteResponse struct {
	Minute time.Time           `json:"minute"`
	Counts provisioning.Counts `json:"counts"`
}

type tokenUseResponse struct {
	ID     string    `json:"id"`
	Client string    `json:"client,omitempty"`
	LastAt time.Time `json:"last_at"`
	Calls  int64     `json:"calls"`
	Good   int64     `json:"good"`
}

type forecastResponse struct {
	Level     string                  `json:"level"`
	Sentences []provisioning.Sentence `json:"sentences"`
	OffBy     *time.Time              `json:"off_by,omitempty"`
}

func (a *API) syncHealth(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "see how the synchronisation fares", directory.AdminRoles...); err != nil {
		return err
	}
	tokens, err := workspace.Tokens(a.DB.Read(c.Request.Context()), in.Actor.Workspace)
	if err != nil {
		return err
	}
	h, err := a.SyncLog.Health(c.Request.Context(), in.Actor.Workspace, anyLive(tokens, in.Now))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, presentHealth(h))
	return nil
}

func anyLive(tokens []workspace.Token, now time.Time) bool {
	for _, t := range tokens {
		if t.Live(now) {
			return true
		}
	}
	return false
}

func presentHealth(h provisioning.Health) healthResponse {
	out := healthResponse{State: string(h.State), Sentences: h.Sentences, Client: h.Client, FirstCallAt: optional(h.FirstCall), LastCallAt: optional(h.LastCall),
		NextExpected: optional(h.NextExpected), Open: h.Open, Cycles: make([]cycleResponse, len(h.Cycles)), Minutes: make([]minuteResponse, len(h.Minutes)), ServerTime: h.Now,
		Tokens: make([]tokenUseResponse, len(h.Tokens))}
	for i, u := range h.Tokens {
		out.Tokens[i] = tokenUseResponse{ID: u.Token, Client: u.Client, LastAt: u.LastAt, Calls: u.Calls, Good: u.Good}
	}
	if h.Rhythm != nil {
		out.EverySeconds = int64(h.Rhythm.Every / time.Second)
	}
	for i, c := range h.Cycles {
		out.Cycles[i] = cycleResponse{Start: c.Start, End: c.End, Initial: c.Initial, Running: c.Running, Cut: c.Cut, Inferred: true, Client: c.Client, Counts: c.Counts}
	}
	for i, m := range h.Minutes {
		out.Minutes[i] = minuteResponse{m.Minute, m.Counts}
	}
	if f := h.Forecast; f != nil {
		out.Forecast = &forecastResponse{f.Level, f.Sentences, optional(f.OffBy)}
	}
	return out
}

// syncStatus is the status of the Directory Sync section: told by the log, or by the tokens where the log is empty.
func (a *API) syncStatus(c *gin.Context, in signin.SignedIn, tokens []workspace.Token) (statusResponse, error) {
	if a.SyncLog == nil {
		return status(tokens, in.Now), nil
	}
	h, err := a.SyncLog.Health(c.Request.Context(), in.Actor.Workspace, anyLive(tokens, in.Now))
	if err != nil || h.LastCall == nil {
		return status(tokens, in.Now), err
	}
	return healthOf(h, tokens, in.Now), nil
}

// healthOf puts what the log tells into the status of the Directory Sync section. The words for a workspace without token or calls are older
// than the log, and stay.
func healthOf(h provisioning.Health, tokens []workspace.Token, now time.Time) statusResponse {
	s := statusResponse{State: string(h.State), LastRequest: optional(h.LastCall), LastClient: h.Client, NextExpected: optional(h.NextExpected), Open: h.Open}
	for _, sentence := range h.Sentences {
		s.Sentences = append(s.Sentences, sentence.Text)
	}
	switch {
	case !anyLive(tokens, now) && h.LastCall == nil:
		s.State = "not_set_up"
	case h.State == provisioning.NeverCalled:
		s.State = "waiting"
	}
	return s
}

type missingResponse struct {
	Verdict   string                  `json:"verdict"`
	Sentences []provisioning.Sentence `json:"sentences"`
	People    []missingPerson         `json:"people"`
	Calls     []callResponse          `json:"calls"`
	Reason    *provisioning.Reason    `json:"reason,omitempty"`
	Checks    []string                `json:"checks"`
	LogSince  *time.Time              `json:"log_since,omitempty"`
}

type missingPerson struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	UserName  string     `json:"user_name"`
	Source    string     `json:"source"`
	Active    bool       `json:"active"`
	DeletedAt *time.Time `json:"deleted_at,omitempty"`
}

// missing answers "Why is this person not here?".
func (a *API) missing(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, readLog, directory.AdminRoles...); err != nil {
		return err
	}
	text := strings.TrimSpace(c.Query("person"))
	if text == "" || len(text) > 200 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '\uFFFD' }) {
		return errNobody
	}
	if err := a.SyncLog.Flush(c.Request.Context()); err != nil {
		return err
	}
	db := a.DB.Read(c.Request.Context())
	found, err := directory.Seek(db, in.Actor.Workspace, text)
	if err != nil {
		return err
	}
	awaited, err := directory.Awaited(db, in.Actor.Workspace, text)
	if err != nil {
		return err
	}
	people := make([]provisioning.Candidate, len(found))
	out := missingResponse{People: make([]missingPerson, len(found))}
	for i, p := range found {
		people[i] = provisioning.Candidate{ID: p.ID, Name: p.Name, UserName: p.UserName, Local: p.Source == directory.Local, Active: p.Active,
			ChangedAt: p.UpdatedAt, DeletedAt: optional(p.DeletedAt)}
		out.People[i] = missingPerson{p.ID, p.Name, p.UserName, string(p.Source), p.Active, optional(p.DeletedAt)}
	}
	if len(people) > 0 && !people[0].Active {
		last, _, err := directory.Offboardings(db, in.Actor.Workspace, people[0].ID, "", 1)
		if err != nil {
			return err
		}
		if len(last) > 0 && last[0].ActorKind == string(actor.Person) {
			people[0].OffBy = last[0].ActorName
		}
	}
	m, err := a.SyncLog.Missing(db, in.Actor.Workspace, text, people, awaited)
	if err != nil {
		return err
	}
	out.Verdict, out.Sentences, out.Calls, out.Reason, out.Checks, out.LogSince = string(m.Verdict), m.Sentences, presentCalls(m.Rows), m.Reason, m.Checks, optional(m.Since)
	c.JSON(http.StatusOK, out)
	return nil
}
