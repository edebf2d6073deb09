package mobileapi_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/mobileapi"
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

func TestDocumentRefusesUnknownFieldsWhereTheServerDoes(t *testing.T) {
	doc := document(t)
	strict := func(where string, s *openapi3.Schema) {
		if s.Type.Is("object") && (s.AdditionalProperties.Has == nil || *s.AdditionalProperties.Has) {
			t.Errorf("%s allows unknown fields", where)
		}
	}
	for _, name := range []string{"ClaimPayload", "Response", "PushFCM", "PushAPNs", "PushWeb"} {
		strict(name, doc.Components.Schemas[name].Value)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.RequestBody == nil {
				continue
			}
			for _, content := range op.RequestBody.Value.Content {
				strict(method+" "+path, content.Schema.Value)
			}
		}
	}
}

func TestEveryProblemHasItsStatusAndCode(t *testing.T) {
	for path, item := range document(t).Paths.Map() {
		for method, op := range item.Operations() {
			for status, response := range op.Responses.Map() {
				if status < "400" {
					continue
				}
				content := response.Value.Content["application/problem+json"]
				if content == nil || len(content.Examples) == 0 {
					t.Errorf("%s %s %s has no example of a problem", method, path, status)
					continue
				}
				for name, example := range content.Examples {
					body, _ := example.Value.Value.(map[string]any)
					if body["code"] != name || jsonText(t, body["status"]) != status {
						t.Errorf("%s %s %s: the example %s says %v %v", method, path, status, name, body["status"], body["code"])
					}
				}
			}
		}
	}
}

func TestSignedCallsSaySo(t *testing.T) {
	for path, item := range document(t).Paths.Map() {
		for method, op := range item.Operations() {
			signed := op.Security == nil || len(*op.Security) > 0
			if want := !strings.HasSuffix(path, "/resolve") && !strings.HasSuffix(path, "/claim"); signed != want {
				t.Errorf("%s %s: signed is %v", method, path, signed)
			}
			if signed && op.Responses.Value("401") == nil {
				t.Errorf("%s %s has no 401", method, path)
			}
		}
	}
}

func TestDocumentHasEveryRoute(t *testing.T) {
	gin.SetMode(gin.TestMode)
	engine := gin.New()
	mobileapi.New(mobileapi.Deps{}).Mount(engine.Group("/v1/device"))
	parameter := regexp.MustCompile(`:[a-z]+|\{[a-z]+\}`)
	var mounted, documented []string
	for _, r := range engine.Routes() {
		mounted = append(mounted, parameter.ReplaceAllString(r.Method+" "+r.Path, "{}"))
	}
	for path, item := range document(t).Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, parameter.ReplaceAllString(method+" "+path, "{}"))
		}
	}
	slices.Sort(mounted)
	slices.Sort(documented)
	if !slices.Equal(mounted, documented) {
		t.Errorf("mounted\n%s\ndocumented\n%s", strings.Join(mounted, "\n"), strings.Join(documented, "\n"))
	}
}

func TestExamplesAreTheVectors(t *testing.T) {
	doc := document(t)
	first := func(file, member string) string {
		var v struct {
			Accepted []map[string]any
		}
		load(t, file, &v)
		text, _ := v.Accepted[0][member].(string)
		return text
	}
	post := func(path string) *openapi3.MediaType {
		return doc.Paths.Value(path).Post.RequestBody.Value.Content["application/json"]
	}
	for _, c := range []struct {
		name    string
		example any
		vector  string
	}{
		{"claim", post("/v1/device/pairings/{id}/claim").Example, first("pair.json", "body_json")},
		{"answer", post("/v1/device/confirmations/{cid}/respond").Examples["approve"].Value.Value, first("response.json", "body_json")},
		{"challenge", doc.Paths.Value("/v1/device/confirmations/{cid}").Get.Responses.Value("200").Value.Content["application/json"].Example, first("challenge.json", "reply_json")},
	} {
		var want any
		if err := json.Unmarshal([]byte(c.vector), &want); err != nil {
			t.Fatal(err)
		}
		if jsonText(t, c.example) != jsonText(t, want) {
			t.Errorf("the example of a %s is not the vector's", c.name)
		}
	}
	var sas struct{ Accepted []struct{ SAS string } }
	load(t, "sas.json", &sas)
	claimed, _ := doc.Paths.Value("/v1/device/pairings/{id}/claim").Post.Responses.Value("201").Value.Content["application/json"].Example.(map[string]any)
	if claimed["sas"] != sas.Accepted[0].SAS {
		t.Errorf("the example's six digits are %v, the vector's %s", claimed["sas"], sas.Accepted[0].SAS)
	}
}

// TestSignedJSONFitsTheSchemas holds the JSON that travels inside base64url against its schemas.
func TestSignedJSONFitsTheSchemas(t *testing.T) {
	doc := document(t)
	for _, c := range []struct{ file, member, schema string }{
		{"pair.json", "payload_json", "ClaimPayload"},
		{"challenge.json", "challenge_json", "Challenge"},
		{"response.json", "response_json", "Response"},
	} {
		var v struct {
			Accepted []map[string]any
		}
		load(t, c.file, &v)
		for _, accepted := range v.Accepted {
			var value any
			text, _ := accepted[c.member].(string)
			if err := json.Unmarshal([]byte(text), &value); err != nil {
				t.Fatal(err)
			}
			if err := doc.Components.Schemas[c.schema].Value.VisitJSON(value); err != nil {
				t.Errorf("%s, %v: %v", c.file, accepted["name"], err)
			}
		}
	}
}

// TestWalkThroughQuotesTheVectors keeps docs/mobile.md true: every hash, digit group and id it quotes is one of the vectors'.
func TestWalkThroughQuotesTheVectors(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "mobile.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	files, err := filepath.Glob(filepath.Join("vectors", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	quoted := regexp.MustCompile(`[0-9a-f]{64}|\b[0-9a-f]{16}\b|\b[0-9]{20}\b|\b[0-9]{6}\b|\b(?:par|cnf)_[0-9A-Za-z]{22}\b|\b[A-Za-z0-9_-]{43}\b`).FindAllString(string(text), -1)
	if len(quoted) < 10 {
		t.Fatalf("only %d values were found", len(quoted))
	}
	for _, value := range quoted {
		if !strings.Contains(all.String(), value) {
			t.Errorf("%s is in no vector", value)
		}
	}
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
