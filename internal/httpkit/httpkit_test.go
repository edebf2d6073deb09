package httpkit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
)

type request struct {
	Name  string `json:"name"`
	Inner struct {
		Count int `json:"count"`
	} `json:"inner"`
}

func (r request) Validate() error {
	if r.Name == "bad" {
		return fault.New(fault.Invalid, "bad_name", "not that one")
	}
	return nil
}

// answer runs one handler and gives back what a client sees and what is logged.
func answer(h httpkit.Handler, kind, body string) (*httptest.ResponseRecorder, string) {
	gin.SetMode(gin.ReleaseMode)
	var log bytes.Buffer
	e := gin.New()
	e.Use(httpkit.Log(slog.New(slog.NewJSONHandler(&log, nil))))
	e.POST("/things/:id", httpkit.Handle(h))
	r := httptest.NewRequest(http.MethodPost, "/things/hush?token=hush", strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w, log.String()
}

func TestABodyIsOneObjectWithoutSurprises(t *testing.T) {
	const jsonKind = "application/json"
	for _, c := range []struct {
		name, kind, body string
		status           int
		code             string
	}{
		{name: "as it should be", kind: jsonKind, body: `{"name":"x","inner":{"count":1}}`, status: 200},
		{name: "with a charset", kind: "application/json; charset=utf-8", body: `{"name":"x"}`, status: 200},
		{name: "empty counts as {}", kind: jsonKind, status: 200},
		{name: "its own rule", kind: jsonKind, body: `{"name":"bad"}`, status: 400, code: "bad_name"},
		{name: "an unknown field", kind: jsonKind, body: `{"nome":"x"}`, status: 400, code: "unknown_field"},
		{name: "an unknown field inside", kind: jsonKind, body: `{"inner":{"counts":1}}`, status: 400, code: "unknown_field"},
		{name: "a field twice", kind: jsonKind, body: `{"name":"x","name":"y"}`, status: 400, code: "malformed"},
		{name: "a field twice in another case", kind: jsonKind, body: `{"name":"x","NAME":"y"}`, status: 400, code: "malformed"},
		{name: "a field twice inside", kind: jsonKind, body: `{"inner":{"count":1,"count":2}}`, status: 400, code: "malformed"},
		{name: "two objects", kind: jsonKind, body: `{"name":"x"}{"name":"y"}`, status: 400, code: "malformed"},
		{name: "half an object", kind: jsonKind, body: `{"name":`, status: 400, code: "malformed"},
		{name: "no object", kind: jsonKind, body: `[1]`, status: 400, code: "malformed"},
		{name: "another type of value", kind: jsonKind, body: `{"name":1}`, status: 400, code: "malformed"},
		{name: "a form", kind: "application/x-www-form-urlencoded", body: `name=x`, status: 415, code: "malformed"},
		{name: "text", kind: "text/plain", body: `{"name":"x"}`, status: 415, code: "malformed"},
		{name: "no type", body: `{"name":"x"}`, status: 415, code: "malformed"},
		{name: "too large", kind: jsonKind, body: `{"name":"` + strings.Repeat("x", 200) + `"}`, status: 413, code: "too_large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, log := answer(func(g *gin.Context) error {
				_, err := httpkit.Decode[request](g, 100)
				return err
			}, c.kind, c.body)
			if w.Code != c.status {
				t.Errorf("%d %s, want %d", w.Code, w.Body, c.status)
			}
			if c.code != "" && (!strings.Contains(w.Body.String(), `"code":"`+c.code+`"`) || w.Header().Get("Content-Type") != "application/problem+json") {
				t.Errorf("%q %s", w.Header().Get("Content-Type"), w.Body)
			}
			if strings.Contains(log, "hush") || !strings.Contains(log, `"route":"/things/:id"`) {
				t.Errorf("the log: %s", log)
			}
		})
	}
}

func TestEveryKindHasItsStatusAndUnknownErrorsTellNothing(t *testing.T) {
	for kind := fault.Internal; kind <= fault.NotImplemented; kind++ {
		if httpkit.Status(kind) == 0 {
			t.Errorf("kind %d has no status", kind)
		}
	}
	w, log := answer(func(*gin.Context) error { return errors.New("dial tcp 10.0.0.7: hush-hush") }, "application/json", "{}")
	if w.Code != 500 || strings.Contains(w.Body.String(), "hush-hush") || !strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("%d %s\n%s", w.Code, w.Body, log)
	}
}

func TestAProblemCarriesItsFieldsAndWhenToTryAgain(t *testing.T) {
	w, log := answer(func(*gin.Context) error {
		return fault.New(fault.Limited, "rate_limited", "Too many.").With("tries_left", 0).After(90 * time.Second)
	}, "application/json", "{}")
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	if w.Code != 429 || w.Header().Get("Retry-After") != "90" || body["tries_left"] != 0.0 || body["status"] != 429.0 || body["title"] != "Too Many Requests" {
		t.Errorf("%d %v %v", w.Code, w.Header(), body)
	}
	if w.Header().Get("Cache-Control") != "no-store" || strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("%v\n%s", w.Header(), log)
	}
}
