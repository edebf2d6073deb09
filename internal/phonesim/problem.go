package phonesim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Problem is the server's refusal (RFC 9457 with a stable code).
type Problem struct {
	Status     int            // HTTP status
	Code       string         // stable; empty when the body is not the service's
	Title      string         // for people
	Detail     string         // for people
	Fields     map[string]any // the further members, e.g. tries_left, state, server_time
	RetryAfter time.Duration  // of the Retry-After header; 0 when it is absent
	Body       []byte         // as received
}

// Error names status, code and the server's sentence for people.
func (p *Problem) Error() string {
	return strings.TrimSpace(fmt.Sprintf("phonesim: the server says %d %s %s", p.Status, p.Code, p.Detail))
}

// Time gives a member that is an RFC 3339 time, e.g. server_time.
func (p *Problem) Time(name string) (time.Time, bool) {
	s, _ := p.Fields[name].(string)
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

// Int gives a member that is a number, e.g. tries_left; -1 when there is none.
func (p *Problem) Int(name string) int {
	n, ok := p.Fields[name].(float64)
	if !ok {
		return -1
	}
	return int(n)
}

// HasCode says whether err is a Problem of that status and code.
func HasCode(err error, status int, code string) bool {
	var p *Problem
	return errors.As(err, &p) && p.Status == status && p.Code == code
}

func problem(status int, header http.Header, body []byte) *Problem {
	p := &Problem{Status: status, Body: body, Fields: map[string]any{}}
	if json.Unmarshal(body, &p.Fields) == nil {
		p.Code, _ = p.Fields["code"].(string)
		p.Title, _ = p.Fields["title"].(string)
		p.Detail, _ = p.Fields["detail"].(string)
		for _, known := range []string{"type", "title", "status", "detail", "code", "instance"} {
			delete(p.Fields, known)
		}
	}
	if s, err := strconv.Atoi(header.Get("Retry-After")); err == nil {
		p.RetryAfter = time.Duration(s) * time.Second
	}
	return p
}
