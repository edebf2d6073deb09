package consoleapi_test

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/consoleapi"
)

func document(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestDocumentIsValid(t *testing.T) {
	doc := document(t)
	if err := doc.Validate(context.Background(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaFormatValidation()); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.0.3" {
		t.Errorf("the document is OpenAPI %s", doc.OpenAPI)
	}
}

// each visits every operation of the document.
func each(t *testing.T, visit func(call string, op *openapi3.Operation)) {
	t.Helper()
	paths := document(t).Paths.Map()
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for method, op := range paths[path].Operations() {
			visit(method+" "+path, op)
		}
	}
}

func TestRequestsRefuseUnknownFields(t *testing.T) {
	each(t, func(call string, op *openapi3.Operation) {
		if op.RequestBody == nil {
			return
		}
		for _, content := range op.RequestBody.Value.Content {
			if extra := content.Schema.Value.AdditionalProperties.Has; extra == nil || *extra {
				t.Errorf("%s allows unknown fields", call)
			}
		}
	})
}

func TestEveryProblemHasItsStatusAndCode(t *testing.T) {
	each(t, func(call string, op *openapi3.Operation) {
		for status, response := range op.Responses.Map() {
			if status < "400" {
				continue
			}
			content := response.Value.Content["application/problem+json"]
			if content == nil || len(content.Examples) == 0 {
				t.Errorf("%s %s has no example of a problem", call, status)
				continue
			}
			for name, example := range content.Examples {
				body, _ := example.Value.Value.(map[string]any)
				if got, err := json.Marshal(body["status"]); err != nil || body["code"] != name || string(got) != status {
					t.Errorf("%s %s: the example %s says %v %v", call, status, name, body["status"], body["code"])
				}
			}
		}
	})
}

func TestCallsNeedASession(t *testing.T) {
	public := []string{"GET /v1/setup", "POST /v1/setup", "POST /v1/setup/passkey", "GET /v1/setup/ws", "GET /v1/workspaces/{slug}", "POST /v1/session", "DELETE /v1/session", "POST /v1/session/password",
		"POST /v1/session/passkey/options", "POST /v1/session/passkey", "POST /v1/workspaces/{slug}/sso", "GET /v1/sso/callback", "GET /v1/sso/signed-out", "GET /v1/session/state",
		"GET /v1/sso/finish", "POST /v1/workspaces/{slug}/saml/acs", "GET /v1/workspaces/{slug}/saml/metadata"}
	each(t, func(call string, op *openapi3.Operation) {
		open := op.Security != nil && len(*op.Security) == 0
		if open != slices.Contains(public, call) {
			t.Errorf("%s: open to everybody is %v", call, open)
		}
		if !open && op.Responses.Value("401") == nil && !strings.HasSuffix(call, "/ws") {
			t.Errorf("%s has no 401", call)
		}
	})
}

// TestDocumentHasEveryRoute compares the document with what the door mounts; the paths of confirmations are dialogapi's.
func TestDocumentHasEveryRoute(t *testing.T) {
	api, err := consoleapi.New(consoleapi.Deps{PublicURL: "http://localhost:8080"})
	if err != nil {
		t.Fatal(err)
	}
	gin.SetMode(gin.TestMode)
	engine := gin.New()
	api.Mount(engine.Group("/v1"))
	var mounted, documented []string
	for _, r := range engine.Routes() {
		mounted = append(mounted, parameter.ReplaceAllString(r.Method+" "+r.Path, "{}"))
	}
	each(t, func(call string, _ *openapi3.Operation) {
		if !strings.Contains(call, "/v1/confirmations") {
			documented = append(documented, parameter.ReplaceAllString(call, "{}"))
		}
	})
	slices.Sort(mounted)
	slices.Sort(documented)
	if !slices.Equal(mounted, documented) {
		t.Errorf("mounted\n%s\ndocumented\n%s", strings.Join(mounted, "\n"), strings.Join(documented, "\n"))
	}
}

// parameter is a part of a path that stands for a value, as gin or as OpenAPI writes it.
var parameter = regexp.MustCompile(`:[a-z]+|\{[a-z]+\}`)

func TestOnlyOneReplyHoldsAToken(t *testing.T) {
	var found []string
	each(t, func(call string, op *openapi3.Operation) {
		for _, response := range op.Responses.Map() {
			for _, content := range response.Value.Content {
				if content.Schema.Value.Properties["token"] != nil && content.Schema.Value.Properties["tokens"] == nil {
					found = append(found, call)
				}
			}
		}
	})
	if want := []string{"POST /v1/confirmations/{id}/reveal"}; !slices.Equal(found, want) {
		t.Errorf("a token is in the replies of %v", found)
	}
}
