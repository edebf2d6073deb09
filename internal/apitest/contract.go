package apitest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// contracts are the published documents; loading them takes longer than most tests.
var contracts = sync.OnceValues(func() ([]routers.Router, error) {
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "..", "..")
	var out []routers.Router
	for _, file := range []string{"mobileapi/openapi.yaml", "internal/consoleapi/openapi.yaml"} {
		doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(root, file))
		if err != nil {
			return nil, err
		}
		doc.Servers = nil // any address
		if err := doc.Validate(context.Background()); err != nil {
			return nil, err
		}
		r, err := gorillamux.NewRouter(doc)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
})

// contract checks every answer of the doors against the published documents while tests talk to them: a status, field or type that the
// documents do not know fails the test that met it.
func contract(t testing.TB, next http.Handler) http.Handler {
	t.Helper()
	all, err := contracts()
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			next.ServeHTTP(w, r)
			return
		}
		kept := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(kept, r)
		if keyRefused(r, kept) {
			return // the document says once, for all calls, how keys are refused
		}
		if err := fits(all, r, kept); err != nil {
			t.Errorf("%s %s answers %d against its contract: %v", r.Method, r.URL.Path, kept.status, err)
		}
	})
}

// keyRefused says whether an API key was refused at the door.
func keyRefused(r *http.Request, kept *recorder) bool {
	return strings.HasPrefix(r.Header.Get("Authorization"), "Bearer") && slices.Contains([]int{400, 401, 403, 404, 429}, kept.status)
}

func fits(all []routers.Router, r *http.Request, kept *recorder) error {
	for _, router := range all {
		route, params, err := router.FindRoute(r)
		if errors.Is(err, routers.ErrPathNotFound) || errors.Is(err, routers.ErrMethodNotAllowed) {
			continue
		}
		if err != nil {
			return err
		}
		in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route}
		out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: kept.status, Header: kept.Header(),
			Body: io.NopCloser(bytes.NewReader(kept.body.Bytes())), Options: &openapi3filter.Options{IncludeResponseStatus: true}}
		return openapi3filter.ValidateResponse(r.Context(), out)
	}
	if kept.status == http.StatusNotFound || kept.status == http.StatusMethodNotAllowed {
		return nil
	}
	return errors.New("no document describes this path")
}

// recorder keeps a copy of an answer.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}
