package scimapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
)

const scimError = "urn:ietf:params:scim:api:messages:2.0:Error"

// isError checks that an answer is a SCIM error of a status.
func isError(t *testing.T, a answer, status int, scimType string) {
	t.Helper()
	if a.status != status || a.at(t, "$.status") != fmt.Sprint(status) || a.at(t, "$.schemas[0]") != scimError || a.at(t, "$.detail") == nil ||
		a.header.Get("Content-Type") != "application/scim+json" {
		t.Errorf("status %d (%s) %s, want a SCIM error %d", a.status, a.header.Get("Content-Type"), a.body, status)
	}
	if got, _ := a.at(t, "$.scimType").(string); got != scimType {
		t.Errorf("scimType %q, want %q: %s", got, scimType, a.body)
	}
}

func TestNobodyWithoutATokenLearnsAnything(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		still := time.Now() // the use of a token is told once a minute
		p := newProviderAt(t, db, 0, func() time.Time { return still })
		for _, path := range []string{"", "/", "/Users", "/Users/x", "/nonsense", "/Schemas", "/ServiceProviderConfig", "/Me", "/Bulk"} {
			for _, auth := range []string{"", "Bearer", "Bearer x", "Basic " + p.token, p.token, "Bearer " + p.token + "x", "Bearer " + strings.Repeat("x", 5000)} {
				for _, method := range []string{"GET", "POST", "DELETE"} {
					a := p.do(method, path, http.Header{"Authorization": {auth}}, nil)
					isError(t, a, 401, "")
					if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
						t.Errorf("%s %s: WWW-Authenticate %q", method, path, a.header.Get("WWW-Authenticate"))
					}
				}
			}
		}
		for _, auth := range []string{"Bearer " + p.token, "bearer " + p.token, "BEARER  " + p.token + " ", "Bearer Bearer " + p.token} {
			if a := p.do("GET", "/Users", http.Header{"Authorization": {auth}}, nil); a.status != 200 {
				t.Errorf("%q: %d", strings.ReplaceAll(auth, p.token, "…"), a.status)
			}
		}
		if len(p.used) != 1 || !strings.HasPrefix(p.used[0], p.tokenID()+" ") {
			t.Errorf("the use was told %v, want once", p.used)
		}
	})
}

func TestAddressesAndMethods(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		id := p.send("POST", "/Users", `{"userName":"ada"}`).at(t, "$.id").(string)
		for _, c := range []struct {
			method, path, body string
			status             int
			allow              string
		}{
			{"GET", "/Users/", "", 200, ""}, {"GET", "/users", "", 200, ""}, {"GET", "//Users//", "", 200, ""}, {"GET", "/Users?", "", 200, ""},
			{"GET", "/Users?&filter=userName+eq+%22ada%22&", "", 200, ""}, {"GET", "/Users?aadOptscim062020", "", 200, ""},
			{"GET", "/Users/" + id + "/", "", 200, ""}, {"GET", "/users/" + id + "?", "", 200, ""}, {"HEAD", "/Users/" + id, "", 200, ""}, {"HEAD", "/Users", "", 200, ""},
			{"PUT", "/Users/" + id + "?", `{"userName":"ada"}`, 200, ""}, {"GET", "/serviceConfiguration", "", 200, ""},
			{"GET", "/nonsense", "", 404, ""}, {"GET", "/Users/" + id + "/x", "", 404, ""}, {"GET", "/Users/%00", "", 404, ""}, {"GET", "/Users/%ff%fe", "", 404, ""},
			{"GET", "/Groups/" + id, "", 404, ""}, {"DELETE", "/Groups/%00", "", 404, ""}, {"PATCH", "/Users/%00", `{"Operations":[{"op":"add","path":"title","value":"x"}]}`, 404, ""},
			{"DELETE", "/Users", "", 405, "GET, POST"}, {"PUT", "/Users", `{}`, 405, "GET, POST"}, {"PATCH", "/Users?count=1", `{}`, 405, "GET, POST"},
			{"POST", "/Users/" + id, `{}`, 405, "GET, PUT, PATCH, DELETE"}, {"GET", "/Users/.search", "", 405, "POST"}, {"POST", "/Schemas", `{}`, 405, "GET"},
			{"GET", "/Bulk", "", 405, "POST"}, {"OPTIONS", "/Users", "", 405, "GET, POST"},
			{"GET", "/Me", "", 501, ""}, {"PATCH", "/Me", `{}`, 501, ""}, {"GET", "/", "", 501, ""}, {"POST", "/.search", `{}`, 501, ""},
			{"PROPFIND", "/Users", "", 405, "GET, POST"}, {"LINK", "/Users/" + id, "", 405, "GET, PUT, PATCH, DELETE"}, {"FOO", "/nonsense", "", 404, ""},
		} {
			a := p.send(c.method, c.path, c.body)
			if c.status >= 400 {
				isError(t, a, c.status, "")
			}
			if a.status != c.status || a.header.Get("Allow") != c.allow || a.header.Get("Content-Type") != "application/scim+json" {
				t.Errorf("%s %s: %d, Allow %q, %s", c.method, c.path, a.status, a.header.Get("Allow"), a.header.Get("Content-Type"))
			}
		}
	})
}

func TestMediaTypesAndSizes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		n := 0
		post := func(contentType string) answer {
			n++
			h := http.Header{"Authorization": {"Bearer " + p.token}, "Accept": {"text/html, */*"}}
			if contentType != "" {
				h.Set("Content-Type", contentType)
			}
			return p.do("POST", "/Users", h, fmt.Appendf(nil, `{"userName":"u%d"}`, n))
		}
		for _, accepted := range []string{"application/scim+json", "application/json", "application/json; charset=utf-8", "APPLICATION/SCIM+JSON;charset=UTF-8", ""} {
			if a := post(accepted); a.status != 201 || a.header.Get("Content-Type") != "application/scim+json" {
				t.Errorf("%q: %d", accepted, a.status)
			}
		}
		for _, refused := range []string{"text/plain", "application/x-www-form-urlencoded", ";;"} {
			isError(t, post(refused), 415, "")
		}
		packed := p.do("POST", "/Users", http.Header{"Authorization": {"Bearer " + p.token}, "Content-Type": {"application/scim+json"}, "Content-Encoding": {"gzip"}}, []byte("\x1f\x8b\x08"))
		if isError(t, packed, 415, ""); packed.header.Get("Accept-Encoding") != "identity" {
			t.Errorf("what is taken instead is not said: %v", packed.header)
		}
		for _, size := range []int{1<<20 + 1, 10 << 20} {
			a := p.send("POST", "/Users", `{"userName":"`+strings.Repeat("x", size)+`"}`)
			isError(t, a, 413, "")
			if !strings.Contains(a.body, "1048576") {
				t.Errorf("the limit is not named: %s", a.body)
			}
		}
		if a := p.send("POST", "/Users", `{"userName":"big","displayName":"`+strings.Repeat("x", 1<<20-100)+`"}`); a.status != 201 {
			t.Errorf("a body of nearly 1 MiB: %d", a.status)
		}
		ops := strings.Repeat(`{"op":"add","path":"title","value":"x"},`, 1001)
		isError(t, p.send("PATCH", "/Users/x", `{"Operations":[`+strings.TrimSuffix(ops, ",")+`]}`), 413, "")
		isError(t, p.send("POST", "/Bulk", `{"Operations":[`+strings.TrimSuffix(strings.Repeat(`{},`, 1001), ",")+`]}`), 413, "")
	})
}

// TestNothingIsAnswered500ByInput throws at the door what breaks databases and careless code.
func TestNothingIsAnswered500ByInput(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		id := p.send("POST", "/Users", `{"userName":"ada","emails":[{"value":"a","type":"work"}]}`).at(t, "$.id").(string)
		group := p.send("POST", "/Groups", `{"displayName":"g"}`).at(t, "$.id").(string)
		values := []string{`null`, `true`, `-1`, `1e999`, `12345678901234567890123`, `""`, `"\u0000"`, `"\ud800"`, `"😀"`, `"{\"a\":1}"`, `[]`, `{}`, `[null]`, `[[]]`, `[{}]`, `{"value":null}`,
			`{"value":{"value":1}}`, `[{"value":"\u0000"}]`, `{"primary":"x"}`, `"` + strings.Repeat("ẞ", 3000) + `"`}
		for _, v := range values {
			var bodies []string
			for _, name := range []string{"userName", "externalId", "displayName", "active", "emails", "name", "members", "manager", "schemas", "id", "meta", "password",
				"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "name.givenName", "emails.value", "groups"} {
				bodies = append(bodies, fmt.Sprintf(`{"userName":"x","displayName":"x",%q:%s}`, name, v))
				p.never500(t, "PATCH", "/Users/"+id, fmt.Sprintf(`{"Operations":[{"op":"replace","path":%q,"value":%s}]}`, name, v))
				p.never500(t, "PATCH", "/Users/"+id, fmt.Sprintf(`{"Operations":[{"op":"add","value":{%q:%s}}]}`, name, v))
				p.never500(t, "PATCH", "/Groups/"+group, fmt.Sprintf(`{"Operations":[{"op":"remove","path":%q,"value":%s}]}`, name, v))
			}
			bodies = append(bodies, v, `{"Operations":`+v+`}`, `{"filter":`+v+`,"count":`+v+`,"cursor":`+v+`}`, `{"Operations":[{"op":`+v+`,"path":`+v+`}]}`,
				`{"failOnErrors":`+v+`,"Operations":[{"method":`+v+`,"path":`+v+`,"bulkId":`+v+`,"data":`+v+`}]}`)
			for _, body := range bodies {
				p.never500(t, "POST", "/Users", body)
				p.never500(t, "PUT", "/Users/"+id, body)
				p.never500(t, "POST", "/Groups", body)
				p.never500(t, "PUT", "/Groups/"+group, body)
				p.never500(t, "POST", "/Users/.search", body)
				p.never500(t, "POST", "/Bulk", body)
			}
		}
		for _, q := range []string{"filter=%00", "filter=userName+eq+%22%00%22", "filter=%ff", "filter=userName%20eq%20%22a%5Cu0000%22", "filter=%zz", "filter", "filter=", "count=x",
			"startIndex=99999999999999999999", "count=-99999999999999999999", "cursor=%00", "cursor=AAAA", "sortBy=%00", "sortBy=nonsense", "attributes=%00,[,emails[", "excludedAttributes=%ff",
			"filter=" + strings.Repeat("(", 5000), "filter=" + url.QueryEscape(strings.Repeat("not (", 60)+"title pr"+strings.Repeat(")", 60)), "sortOrder=up&sortBy=title",
			"filter=" + url.QueryEscape(strings.Repeat(`emails[not (value co "a" or type ne "b")].value sw "c" or `, 66)+"title pr")} {
			p.never500(t, "GET", "/Users?"+q, "")
			p.never500(t, "GET", "/Groups?"+q, "")
		}
	})
}

func (p *provider) never500(t *testing.T, method, path, body string) {
	t.Helper()
	if a := p.send(method, path, body); a.status >= 500 {
		t.Errorf("%s %s %.200s: %d %s", method, path, body, a.status, a.body)
	}
}

func TestTooManyRequests(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 1) // less than 25 counts as 25
		for i := range 26 {
			a := p.send("GET", "/ServiceProviderConfig", "")
			if i < 25 && a.status != 200 {
				t.Fatalf("request %d: %d", i+1, a.status)
			}
			if i == 25 && a.status != 200 { // slow machines may have earned one more
				isError(t, a, 429, "")
				if a.header.Get("Retry-After") != "1" {
					t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
				}
			}
		}
		other := newProvider(t, db, 1)
		if a := other.send("GET", "/Users", ""); a.status != 200 {
			t.Errorf("another workspace is limited too: %d", a.status)
		}
	})
}

func TestDiscovery(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		for _, path := range []string{"/Schemas", "/ResourceTypes", "/ResourceTypes/User", "/ResourceTypes/Group", "/ServiceProviderConfig",
			"/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", "/ServiceProviderConfig?filter=x", "/Schemas?count=1"} {
			a := p.send("GET", path, "")
			if a.status != 200 || strings.Contains(a.body, "null") {
				t.Errorf("%s: %d %s", path, a.status, a.body)
			}
			location, _ := a.at(t, "$.meta.location").(string)
			if rest, ok := strings.CutPrefix(location, p.url); ok {
				if b := p.send("GET", rest, ""); b.body != a.body {
					t.Errorf("%s leads elsewhere", location)
				}
			}
		}
		for _, path := range []string{"/Schemas?filter=x", "/ResourceTypes?filter=x"} {
			isError(t, p.send("GET", path, ""), 403, "")
		}
		for _, path := range []string{"/Schemas/urn:ietf:params:scim:api:messages:2.0:ListResponse", "/ResourceTypes/Nonsense", "/ServiceProviderConfig/x"} {
			isError(t, p.send("GET", path, ""), 404, "")
		}
	})
}
