package consoleapi_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

var contract = sync.OnceValues(func() (*openapi3.T, error) { return openapi3.NewLoader().LoadFromFile("openapi.yaml") })

// keepsContract holds what went over the wire in a test against openapi.yaml: each answer, and each request that was taken.
func (w *world) keepsContract(req *http.Request, sent []byte, res *http.Response, got []byte) {
	w.Helper()
	doc, err := contract()
	w.must(err)
	route, params := operation(doc, req)
	if route == nil {
		return // a path that is none
	}
	req = req.Clone(context.Background())
	req.Body = io.NopCloser(bytes.NewReader(sent))
	in := &openapi3filter.RequestValidationInput{Request: req, Route: route, PathParams: params,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
	if res.StatusCode < 300 && len(sent) > 0 {
		if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
			w.Errorf("%s %s was taken, but openapi.yaml does not allow it: %v", req.Method, req.URL.Path, err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: res.StatusCode, Header: res.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true}}
	out.SetBodyBytes(got)
	if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
		w.Errorf("%s %s answered %d %s\nopenapi.yaml: %v", req.Method, req.URL.Path, res.StatusCode, got, err)
	}
}

func operation(doc *openapi3.T, req *http.Request) (*routers.Route, map[string]string) {
	steps := strings.Split(req.URL.Path, "/")
	var found *routers.Route
	var params map[string]string
	for path, item := range doc.Paths.Map() {
		op := item.GetOperation(req.Method)
		values, ok := match(strings.Split(path, "/"), steps)
		if op == nil || !ok || (found != nil && len(values) >= len(params)) { // a fixed path before one with a parameter
			continue
		}
		found, params = &routers.Route{Spec: doc, Path: path, PathItem: item, Method: req.Method, Operation: op}, values
	}
	return found, params
}

func match(template, steps []string) (map[string]string, bool) {
	if len(template) != len(steps) {
		return nil, false
	}
	values := map[string]string{}
	for i, t := range template {
		if name, ok := strings.CutPrefix(t, "{"); ok {
			values[strings.TrimSuffix(name, "}")] = steps[i]
		} else if t != steps[i] {
			return nil, false
		}
	}
	return values, true
}
