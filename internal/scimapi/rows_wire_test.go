package scimapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
)

// wireRow is a row of the requirement table about headers: a call with headers of its own, and headers of the answer.
type wireRow struct {
	says, method, path, body string
	send                     map[string]string // beside the token's; "-" takes one away
	status                   int
	head                     map[string]string
	want                     map[string]any
}

func runWire(t *testing.T, p *provider, ids map[string]string, rows []wireRow) {
	t.Helper()
	for _, r := range rows {
		pairs := []string{"ENT", enterprise, "BASE", p.url}
		for name, id := range ids {
			pairs = append(pairs, name, id)
		}
		fill := strings.NewReplacer(pairs...)
		header := http.Header{"Authorization": {"Bearer " + p.token}}
		if r.body != "" {
			header.Set("Content-Type", "application/scim+json")
		}
		for name, value := range r.send {
			if header.Set(name, strings.ReplaceAll(value, "TOKEN", p.token)); value == "-" {
				header.Del(name)
			}
		}
		a := p.do(r.method, fill.Replace(r.path), header, []byte(fill.Replace(r.body)))
		if a.status != r.status {
			t.Errorf("%s: %s %s: %d %s, want %d", r.says, r.method, r.path, a.status, a.body, r.status)
			continue
		}
		if got := a.header.Get("Content-Type"); got != "application/scim+json" && a.status != http.StatusNotModified {
			t.Errorf("%s: the answer is %q", r.says, got)
		}
		if a.status >= 400 && (a.at(t, "$.status") != fmt.Sprint(a.status) || a.at(t, "$.schemas[0]") != scimError || fmt.Sprint(a.at(t, "$.detail")) == "") {
			t.Errorf("%s: this is no SCIM error: %s", r.says, a.body)
		}
		for name, want := range r.head {
			if got := a.header.Get(name); !strings.HasPrefix(got, fill.Replace(want)) || want == "" && got != "" {
				t.Errorf("%s: %s is %q, want %q", r.says, name, got, want)
			}
		}
		for at, want := range r.want {
			if s, ok := want.(string); ok {
				want = fill.Replace(s)
			}
			if got := a.at(t, fill.Replace(at)); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %s is %v, want %v: %s", r.says, at, got, want, a.body)
			}
		}
	}
}

func TestRowsOfTransportAndDiscovery(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		ids := people(t, p)
		challenge := map[string]string{"WWW-Authenticate": "Bearer"}
		get := func(says, path string, send map[string]string, status int, head map[string]string, want map[string]any) wireRow {
			return wireRow{says, "GET", path, "", send, status, head, want}
		}
		auth := func(value string) map[string]string { return map[string]string{"Authorization": value} }
		found := map[string]any{"$.totalResults": 1, "$.Resources[0].id": "USER"}
		runWire(t, p, ids, []wireRow{
			get("T3 the scheme in any letter case", "/Users?count=1", auth("bEARER TOKEN"), 200, nil, nil),
			get("T5 another issuer's JWT", "/Users", auth("Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL3N0cy53aW5kb3dzLm5ldC8ifQ."), 401, challenge, nil),
			get("T6 Basic is not Bearer", "/Users", auth("Basic TOKEN"), 401, challenge, nil),
			get("T6 Okta's header token", "/Users?startIndex=1&count=1", auth("Bearer TOKEN"), 200, nil, nil),
			get("T7 no credentials", "/Users", auth("-"), 401, challenge, map[string]any{"$.status": "401"}),
			get("T7 wrong ones, on a path that is not there", "/nonsense", auth("Bearer x"), 401, challenge, map[string]any{"$.status": "401"}),
			get("T9 no User-Agent", "/Users?count=1", map[string]string{"User-Agent": ""}, 200, nil, nil),
			get("T9 OneLogin's", "/Users?count=1", map[string]string{"User-Agent": "-"}, 200, nil, nil),
			get("T10 Okta's", "/Users?count=1", map[string]string{"User-Agent": "Okta SCIM Client 1.0.0", "Accept-Charset": "utf-8"}, 200, nil, nil),
			get("T11 a GET with a content type", "/Users?count=1", map[string]string{"Content-Type": "application/scim+json"}, 200, nil, nil),
			{"T11 JSON", "PATCH", "/Users/OTHER", `{"Operations":[{"op":"add","path":"title","value":"x"}]}`, map[string]string{"Content-Type": "application/json; charset=utf-8"}, 200, nil, nil},
			{"T11 another media type", "POST", "/Users", `{"userName":"t11"}`, map[string]string{"Content-Type": "text/xml"}, 415, nil, nil},
			get("T12 a browser's list", "/Users?count=1", map[string]string{"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}, 200, nil, nil),
			get("T12 JSON", "/Users?count=1", map[string]string{"Accept": "application/json"}, 200, nil, nil),
			get("T12 errors too", "/Users/nobody", map[string]string{"Accept": "text/html"}, 404, nil, nil),
			get("T13 a list need not show members", "/Groups?excludedAttributes=members", nil, 200, nil, map[string]any{"$.Resources[0].members": nil}),
			get("T18 Entra's flag on a list", "/Users?aadOptscim062020&filter=externalId%20eq%20%22Ext-1%22", nil, 200, nil, found),
			get("T18 and on one", "/Users/USER?aadOptscim062020", nil, 200, nil, map[string]any{"$.id": "USER"}),
			{"T18 and on a change", "PATCH", "/Users/USER?aadOptscim062020", `{"Operations":[{"op":"replace","path":"title","value":"t18"}]}`, nil, 200, nil, map[string]any{"$.title": "t18"}},
			get("T18 unknown parameters", "/Users/USER?x=1&y", nil, 200, nil, map[string]any{"$.id": "USER"}),
			get("T19 a plus, and a dangling separator", "/Users?filter=externalId+eq+%22Ext-1%22&", nil, 200, nil, found),
			{"T19 a dangling question mark", "PATCH", "/Users/USER?", `{"Operations":[{"op":"replace","path":"title","value":"t19"}]}`, nil, 200, nil, map[string]any{"$.title": "t19"}},
			get("T20 everything encoded", "/Users?filter=%65%6D%61%69%6C%73%5B%74%79%70%65%20%65%71%20%22%77%6F%72%6B%22%5D%2Evalue%20eq%20%22ana%40acme%2Etest%22", nil, 200, nil, found),
			get("T20 decoded once", "/Users?filter=title%20eq%20%22%2520%22", nil, 200, nil, map[string]any{"$.totalResults": 0}),
			get("T20 UTF-8 in a name", "/Groups?filter=displayName%20eq%20%22%C3%89ngineers%22", nil, 200, nil, map[string]any{"$.totalResults": 1}),
			get("T20 an ampersand in a value", "/Users?filter=ENT:department%20eq%20%22R%26D%22", nil, 200, nil, found),
			get("T21 a slash at the end", "/Users/?count=1", nil, 200, nil, nil), get("T21 of one", "/Users/USER/", nil, 200, nil, nil),
			get("T22 lower case", "/users?count=1", nil, 200, nil, nil), get("T22 another name", "/serviceConfiguration", nil, 200, nil, nil),
			get("T23 an unknown path", "/Nonsense", nil, 404, nil, nil), {"T23 an unknown method", "PUT", "/Users", `{}`, nil, 405, map[string]string{"Allow": "GET, POST"}, nil},
			get("D1 all schemas", "/Schemas", nil, 200, nil, map[string]any{"$.totalResults": 3, "$.Resources[0].id": "urn:ietf:params:scim:schemas:core:2.0:User", "$.Resources[0].description": "User Account"}),
			get("D2 one schema", "/Schemas/ENT", nil, 200, nil, map[string]any{"$.id": "ENT"}),
			get("D2 a message is no schema", "/Schemas/urn:ietf:params:scim:api:messages:2.0:PatchOp", nil, 404, nil, nil),
			get("D3 resource types", "/ResourceTypes", nil, 200, nil, map[string]any{"$.totalResults": 2}),
			get("D3 one", "/ResourceTypes/User", nil, 200, nil, map[string]any{"$.endpoint": "/Users"}), get("D3 the other", "/ResourceTypes/Group", nil, 200, nil, map[string]any{"$.endpoint": "/Groups"}),
			get("D4 roles are shown only where they are offered", "/Roles", nil, 404, nil, nil),
			get("D5 all that is required", "/ServiceProviderConfig", nil, 200, nil, map[string]any{"$.patch.supported": true, "$.bulk.supported": true, "$.bulk.maxOperations": 1000,
				"$.bulk.maxPayloadSize": float64(1 << 20), "$.filter.supported": true, "$.filter.maxResults": 200, "$.sort.supported": true, "$.etag.supported": true,
				"$.changePassword.supported": false, "$.documentationUri": strings.TrimSuffix(p.url, "/v1/scim/v2") + "/settings/workspace/idp", "$.authenticationSchemes[0].type": "oauthbearertoken"}),
			get("D6 a filter on schemas", "/Schemas?filter=id%20pr", nil, 403, nil, nil), get("D6 on the configuration it is nothing", "/ServiceProviderConfig?filter=x", nil, 200, nil, nil),
			get("D7 discovery wants the token too", "/Schemas", auth("-"), 401, challenge, nil),
			get("D8 there is no /Me", "/Me", nil, 501, nil, map[string]any{"$.status": "501"}),
			get("Z8 what paging there is", "/ServiceProviderConfig", nil, 200, nil, map[string]any{"$.pagination.cursor": true, "$.pagination.index": true, "$.pagination.defaultPaginationMethod": "index",
				"$.pagination.maxPageSize": 200, "$.pagination.cursorTimeout": 3600}),
		})
		if location := fmt.Sprint(p.send("GET", "/Users/"+ids["USER"], "").at(t, "$.meta.location")); location != p.url+"/Users/"+ids["USER"] || strings.Contains(location, "@") {
			t.Errorf("T24: an address holds somebody's name: %s", location)
		}
	})
}

func TestRowsOfErrorsAndVersions(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		ids := people(t, p)
		title := func(says, value string, send map[string]string, status int, want map[string]any) wireRow {
			return wireRow{says, "PATCH", "/Users/USER", `{"Operations":[{"op":"replace","path":"title","value":"` + value + `"}]}`, send, status, nil, want}
		}
		runWire(t, p, ids, []wireRow{
			{"U1 Entra's person", "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","ENT"],"externalId":"u1","userName":"u1@acme.test","active":true,"emails":[{"primary":true,"type":"work","value":"u1@acme.test"}],
				"meta":{"resourceType":"User"},"name":{"formatted":"U One","familyName":"One","givenName":"U"},"roles":[]}`, nil, 201, map[string]string{"Location": "BASE/Users/ppl_", "ETag": `W/"1"`},
				map[string]any{"$.meta.resourceType": "User", "$.meta.version": `W/"1"`, "$.userName": "u1@acme.test", "$.emails[0].value": "u1@acme.test", "$.roles": nil}},
			{"U4 an answer with its body", "POST", "/Users", `{"userName":"u4"}`, nil, 201, nil, map[string]any{"$.userName": "u4", "$.active": true}},
			{"U16 roles by dotted names", "POST", "/Users", `{"userName":"u16","roles":[{"value":"A","type":"t"},{"value":"B","type":"t"}]}`, nil, 201, nil, map[string]any{"$.roles[1].type": "t"}},
			{"Z1 the status is a string", "GET", "/Users/nobody", "", nil, 404, nil, map[string]any{"$.status": "404", "$.scimType": nil}},
			{"Z2 uniqueness", "POST", "/Users", `{"userName":"ana@acme.test"}`, nil, 409, nil, map[string]any{"$.scimType": "uniqueness"}},
			{"Z2 invalidFilter", "GET", "/Users?filter=x", "", nil, 400, nil, map[string]any{"$.scimType": "invalidFilter"}},
			{"Z2 invalidSyntax", "POST", "/Users", `{"userName":`, nil, 400, nil, map[string]any{"$.scimType": "invalidSyntax"}},
			{"Z2 invalidPath", "PATCH", "/Users/USER", `{"Operations":[{"op":"add","path":"a b c","value":1}]}`, nil, 400, nil, map[string]any{"$.scimType": "invalidPath"}},
			{"Z2 noTarget", "PATCH", "/Users/USER", `{"Operations":[{"op":"remove"}]}`, nil, 400, nil, map[string]any{"$.scimType": "noTarget"}},
			{"Z2 invalidValue", "POST", "/Users", `{"userName":""}`, nil, 400, nil, map[string]any{"$.scimType": "invalidValue"}},
			{"Z2 mutability", "PATCH", "/Users/USER", `{"Operations":[{"op":"replace","path":"meta.created","value":"x"}]}`, nil, 400, nil, map[string]any{"$.scimType": "mutability"}},
			{"Z2 invalidCount", "GET", "/Users?cursor&count=x", "", nil, 400, nil, map[string]any{"$.scimType": "invalidCount"}},
			{"Z4 the tag", "GET", "/Users/USER", "", nil, 200, map[string]string{"ETag": `W/"1"`}, map[string]any{"$.meta.version": `W/"1"`}},
			{"Z4 the same one is not sent again", "GET", "/Users/USER", "", map[string]string{"If-None-Match": `W/"1"`}, 304, nil, nil},
			title("Z4 without a condition", "z4", nil, 200, map[string]any{"$.meta.version": `W/"2"`}),
			title("Z4 any version", "z4*", map[string]string{"If-Match": "*"}, 200, map[string]any{"$.meta.version": `W/"3"`}),
			title("Z4 the right version", "z4=", map[string]string{"If-Match": `W/"3"`}, 200, map[string]any{"$.meta.version": `W/"4"`}),
			title("C11 a stale version is 412", "never", map[string]string{"If-Match": `W/"3"`}, 412, map[string]any{"$.status": "412"}),
			{"C11 on DELETE too", "DELETE", "/Users/USER", "", map[string]string{"If-Match": `W/"3"`}, 412, nil, nil},
			{"C11 and on PUT", "PUT", "/Users/USER", `{"userName":"never"}`, map[string]string{"If-Match": `W/"3"`}, 412, nil, nil},
			{"Z5 the location leads back", "GET", "/Users/USER", "", map[string]string{"X-Forwarded-Host": "evil.test"}, 200, nil, map[string]any{"$.meta.location": "BASE/Users/USER"}},
			{"Z6 bulk in order, references resolved", "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[
				{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"z6"}},{"method":"POST","path":"/Groups","bulkId":"b","data":{"displayName":"Z6","members":[{"value":"bulkId:a"}]}},
				{"method":"POST","path":"/Users","bulkId":"c","data":{"userName":"Z6"}},{"method":"PATCH","path":"/Groups/bulkId:b","data":{"Operations":[{"op":"add","path":"externalId","value":"e"}]}}]}`, nil, 200, nil,
				map[string]any{"$.Operations[0].status": "201", "$.Operations[1].status": "201", "$.Operations[2].status": "409", "$.Operations[2].location": nil, "$.Operations[3].status": "200"}},
			{"Z6 it stops where it was told to", "POST", "/Bulk", `{"failOnErrors":1,"Operations":[{"method":"DELETE","path":"/Users/nobody"},{"method":"POST","path":"/Users","bulkId":"d","data":{"userName":"z6b"}}]}`, nil, 200, nil,
				map[string]any{"$.Operations[0].status": "404", "$.Operations[1]": nil}},
			{"Z7 the status in bulk is a string", "POST", "/Bulk", `{"Operations":[{"method":"DELETE","path":"/Users/nobody"}]}`, nil, 200, nil, map[string]any{"$.Operations[0].status": "404", "$.Operations[0].response.status": "404"}},
			{"Z10 HEAD", "HEAD", "/Users/USER", "", nil, 200, map[string]string{"ETag": "W/"}, nil}, {"Z10 POST on a person", "POST", "/Users/USER", `{}`, nil, 405, nil, nil},
			{"P28 a thousand operations", "PATCH", "/Users/OTHER", `{"Operations":[` + strings.TrimSuffix(strings.Repeat(`{"op":"add","path":"title","value":"x"},`, 1000), ",") + `]}`, nil, 200, nil, map[string]any{"$.title": "x"}},
			{"P28 and not one more", "PATCH", "/Users/OTHER", `{"Operations":[` + strings.TrimSuffix(strings.Repeat(`{"op":"add","path":"title","value":"x"},`, 1001), ",") + `]}`, nil, 413, nil, nil},
		})
	})
}

// TestRowsOfPeopleOverTime are rows that take several calls, or compare two answers.
func TestRowsOfPeopleOverTime(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		ids := people(t, p)
		patch := func(says, ops string, status int, want map[string]any) row {
			return row{says, "PATCH", "/Users/USER", `{"Operations":[` + ops + `]}`, status, want}
		}
		work := `emails[type eq \"work\"].value`
		run(t, p, ids, []row{
			{"F7 Okta's look-up", "GET", `/Users?filter=userName eq "ANA@acme.test"&startIndex=1&count=100`, "", 200, map[string]any{"$.totalResults": 1, "$.startIndex": 1, "$.itemsPerPage": 1}},
			{"C4 nobody is 200", "GET", `/Users?filter=userName eq "nobody@acme.test"&startIndex=1&count=100`, "", 200, map[string]any{"$.totalResults": 0, "$.Resources[0]": nil}},
			{"F8 of a team", "GET", `/Groups?filter=displayName eq "éngineers"&startIndex=1&count=100`, "", 200, map[string]any{"$.totalResults": 1}},
			{"F10 the first user is complete", "GET", "/Users?count=1&startIndex=2", "", 200, map[string]any{"$.Resources[0].id": "USER", "$.Resources[0].active": true, "$.Resources[0].name.familyName": "Kovač", "$.Resources[0].emails[0].value": "Ana@Acme.test"}},
			{"F20 a team without members", "GET", "/Groups/GROUP?excludedAttributes=members", "", 200, map[string]any{"$.members": nil, "$.displayName": "Éngineers"}},
			{"C9 externalId is compared exactly", "GET", `/Groups?filter=externalId eq "g-1"`, "", 200, map[string]any{"$.totalResults": 0}},
			{"C18 displayName is not", "GET", `/Groups?filter=displayName sw "ÉNG"`, "", 200, map[string]any{"$.totalResults": 1}},
			{"R1 Okta puts back what it read", "PUT", "/Users/USER", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","ENT"],"id":"USER","meta":{"version":"x"},"groups":[{"value":"GROUP"}],"userName":"Ana@acme.test","externalId":"Ext-1","active":false,
				"name":{"givenName":"Ana","familyName":"Kovač"},"emails":[{"value":"Ana@Acme.test","type":"work","primary":true}],"ENT":{"department":"R&D"}}`, 200, map[string]any{"$.active": false, "$.groups[0].value": "GROUP", "$['ENT'].department": "R&D", "$['ENT'].manager": nil}},
			patch("R2 Okta switches on by PATCH", `{"op":"replace","value":{"active":true}}`, 200, map[string]any{"$.active": true}),
			{"C13 a PUT without the extension keeps it", "PUT", "/Users/USER", `{"userName":"Ana@acme.test","externalId":"Ext-1","emails":[{"value":"Ana@Acme.test","type":"work","primary":true}]}`, 200, map[string]any{"$['ENT'].department": "R&D", "$.name": nil}},
			{"C14 only unknown schemas", "PUT", "/Users/USER", `{"schemas":["urn:nobody"],"userName":"Ana@acme.test","externalId":"Ext-1","title":"c14","emails":[{"value":"Ana@Acme.test","type":"work","primary":true}]}`, 200, map[string]any{"$.title": "c14", "$['ENT'].department": "R&D", "$.schemas[0]": "urn:ietf:params:scim:schemas:core:2.0:User"}},
			{"C14 a known schema's URN with an object, the core's too", "PUT", "/Users/USER", `{"userName":"Ana@acme.test","externalId":"Ext-1","urn:ietf:params:scim:schemas:core:2.0:User":{"title":"under","name.familyName":"Core"},"emails":[{"value":"Ana@Acme.test","type":"work","primary":true}]}`, 200,
				map[string]any{"$.title": "under", "$.name.familyName": "Core"}},
			patch("P24 the core's URN alone as a path", `{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User","value":{"title":"c14"}},{"op":"remove","path":"name"}`, 200, map[string]any{"$.title": "c14", "$.name": nil}),
			patch("P24 and as a key", `{"op":"add","value":{"urn:ietf:params:scim:schemas:core:2.0:User":{"nickName":"core"}}},{"op":"remove","path":"nickName"}`, 200, map[string]any{"$.nickName": nil}),
			patch("P24 it cannot be removed", `{"op":"remove","path":"urn:ietf:params:scim:schemas:core:2.0:User"}`, 400, map[string]any{"$.scimType": "invalidPath"}),
			patch("P27 a blank before the bracket", `{"op":"replace","path":"emails [type eq \"work\"].value","value":"Ana@Acme.test"}`, 200, map[string]any{"$.emails[0].value": "Ana@Acme.test"}),
			patch("R-16 the refusal names the attribute", `{"op":"replace","path":"`+work+`","value":{"a":1}}`, 400, map[string]any{"$.detail": "Operation 1: emails.value is not of type string. (DS-1203)"}),
			{"F21 the core's URN names all that is in it", "GET", "/Users/USER?attributes=urn:ietf:params:scim:schemas:core:2.0:User", "", 200, map[string]any{"$.title": "c14", "$.externalId": "Ext-1", "$['ENT']": nil}},
			{"C5 unknown schemas are not echoed", "GET", "/Users/USER", "", 200, map[string]any{"$.schemas[2]": nil}},
			{"C6 no schemas at all", "POST", "/Users", `{"userName":"c6"}`, 201, nil},
			patch("P3 a boolean", `{"op":"Replace","path":"active","value":false}`, 200, map[string]any{"$.active": false}),
			patch("C10 a string for it", `{"op":"Replace","path":"active","value":"tRUE"}`, 200, map[string]any{"$.active": true}),
			patch("P5 Entra's six", `{"op":"Replace","path":"displayName","value":"D"},{"op":"Replace","path":"`+work+`","value":"p5@acme.test"},{"op":"Replace","path":"name.givenName","value":"G"},{"op":"Replace","path":"name.familyName","value":"F"},
				{"op":"Replace","path":"externalId","value":"E5"},{"op":"Replace","path":"ENT:employeeNumber","value":"5"}`, 200,
				map[string]any{"$.displayName": "D", "$.emails[0].value": "p5@acme.test", "$.emails[0].primary": true, "$.name.givenName": "G", "$.externalId": "E5", "$['ENT'].employeeNumber": "5"}),
			patch("P10 add without a path appends", `{"op":"add","value":{"emails":[{"value":"p10@home.test","type":"home"}],"nickname":"N"}}`, 200, map[string]any{"$.emails[1].type": "home", "$.nickName": "N"}),
			patch("P11 a replaced name keeps its other parts", `{"op":"replace","path":"name","value":{"familyName":"P"}}`, 200, map[string]any{"$.name.givenName": "G", "$.name.familyName": "P"}),
			patch("P12 one primary", `{"op":"replace","path":"emails[type eq \"home\"]","value":{"value":"p12@home.test","type":"home","primary":true}}`, 200, map[string]any{"$.emails[0].primary": false, "$.emails[1].primary": true, "$.emails[1].value": "p12@home.test"}),
			patch("P13 remove by two conditions", `{"op":"remove","path":"emails[type eq \"home\" and value ew \"home.test\"]"}`, 200, map[string]any{"$.emails[1]": nil}),
			patch("P13 the last one", `{"op":"remove","path":"emails[type eq \"work\"]"}`, 200, map[string]any{"$.emails": nil}),
			patch("C1 an element of a canonical type is made", `{"op":"replace","path":"`+work+`","value":"c1@acme.test"}`, 200, map[string]any{"$.emails[0].type": "work", "$.emails[0].value": "c1@acme.test"}),
			patch("C1 one by its value is not", `{"op":"replace","path":"emails[value eq \"x\"].display","value":"x"}`, 400, map[string]any{"$.scimType": "noTarget"}),
			patch("P15 all or nothing", `{"op":"replace","path":"title","value":"p15"},{"op":"replace","path":"nonsense","value":"x"}`, 400, nil),
			patch("P15 in order, each seeing the one before", `{"op":"replace","path":"title","value":"a"},{"op":"remove","path":"title"},{"op":"add","path":"nickName","value":"p15"}`, 200, map[string]any{"$.title": nil, "$.nickName": "p15"}),
			patch("P20 a manager once", `{"op":"Add","path":"ENT:manager","value":"OTHER"}`, 200, map[string]any{"$['ENT'].manager.value": "OTHER"}),
			{"C17 no userName is refused for its letters", "POST", "/Users", `{"userName":"\"o'neil\\ 😀 Ⅷ"}`, 201, map[string]any{"$.userName": `"o'neil\ 😀 Ⅷ`}},
			{"C17 and it is found", "GET", `/Users?filter=userName eq "\"O'NEIL\\ 😀 ⅷ"`, "", 200, map[string]any{"$.totalResults": 1}},
		})
		version := func() any { return p.send("GET", "/Users/"+ids["USER"], "").at(t, "$.meta") }
		before := version()
		run(t, p, ids, []row{
			patch("P16 what is there already", `{"op":"add","path":"nickName","value":"p15"}`, 200, nil), patch("P20 the manager again", `{"op":"Add","path":"ENT:manager","value":"OTHER"}`, 200, nil),
			patch("P22 a null for nothing", `{"op":"replace","path":"title","value":null}`, 200, nil),
		})
		if after := version(); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("P16, P20, P22: changes of nothing made %v of %v", after, before)
		}
		run(t, p, ids, []row{
			{"C15 the manager is deleted", "DELETE", "/Users/OTHER", "", 204, nil},
			{"C15 the value stays, the reference goes", "GET", "/Users/USER", "", 200, map[string]any{"$['ENT'].manager.value": "OTHER", "$['ENT'].manager['$ref']": nil}},
			{"X7 JumpCloud's test person", "POST", "/Users", `{"userName":"jumpcloud-test"}`, 201, nil}, {"X7 and its team", "POST", "/Groups", `{"displayName":"jumpcloud-test"}`, 201, nil},
		})
		stranger := newProvider(t, db, 0)
		if a := stranger.send("POST", "/Users", `{"userName":"Ana@acme.test","externalId":"E5","emails":[{"value":"c1@acme.test"}]}`); a.status != 201 || a.at(t, "$.id") == ids["USER"] {
			t.Errorf("U20: another workspace's person was taken: %d %s", a.status, a.body)
		}
		if a := p.send("POST", "/Users", `{"userName":"u20","emails":[{"value":"c1@acme.test"}]}`); a.status != 201 || a.at(t, "$.id") == ids["USER"] {
			t.Errorf("U20: somebody was matched by their address: %d %s", a.status, a.body)
		}
	})
}

// TestRowsOfTeamsOverTime are rows about teams that take several calls.
func TestRowsOfTeamsOverTime(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		ids := people(t, p)
		patch := func(says, ops string, status int) row {
			return row{says, "PATCH", "/Groups/GROUP", `{"Operations":[` + ops + `]}`, status, nil}
		}
		run(t, p, ids, []row{
			patch("G4 Entra's rename is 204", `{"op":"Replace","path":"displayName","value":"G4"}`, 204),
			{"C2 with attributes it is 200", "PATCH", "/Groups/GROUP?attributes=displayName", `{"Operations":[{"op":"replace","path":"displayName","value":"C2"}]}`, 200, map[string]any{"$.displayName": "C2", "$.members": nil}},
			patch("C3 ids of nobody are no mistake", `{"op":"add","path":"members","value":[{"value":"nobody-yet"}]}`, 204),
			patch("C8 remove with a value removes that one", `{"op":"remove","path":"members","value":[{"value":"nobody-yet"}]}`, 204),
			{"G14 who was there still is", "GET", "/Groups/GROUP", "", 200, map[string]any{"$.members[0].value": "USER", "$.members[1]": nil}},
			patch("G14 a change of something else", `{"op":"add","path":"externalId","value":"g14"}`, 204),
			{"G14 leaves the members", "GET", "/Groups/GROUP", "", 200, map[string]any{"$.members[0].value": "USER"}},
			patch("P27 no blank before the quote", `{"op":"remove","path":"members[value eq\"OTHER\"]"}`, 204),
			{"G18 a list without members", "GET", "/Groups?excludedAttributes=members", "", 200, map[string]any{"$.Resources[0].members": nil}},
			{"G19 a change does not show them", "PATCH", "/Groups/GROUP", `{"Operations":[{"op":"add","path":"members","value":[{"value":"OTHER"}]}]}`, 204, nil},
			{"G20 an existing team is found", "GET", `/Groups?filter=displayName eq "c2"&startIndex=1&count=100`, "", 200, map[string]any{"$.Resources[0].id": "GROUP"}},
		})
		meta := func() any { return p.send("GET", "/Groups/"+ids["GROUP"], "").at(t, "$.meta") }
		before := meta()
		run(t, p, ids, []row{patch("G21 the same push again", `{"op":"replace","value":{"id":"GROUP","displayName":"C2"}},{"op":"add","path":"members","value":[{"value":"OTHER"},{"value":"USER"}]}`, 204)})
		if after := meta(); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("G21: an unchanged push made %v of %v", after, before)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		for i := range 16 {
			wg.Go(func() {
				made := p.send("POST", "/Users", fmt.Sprintf(`{"userName":"g14-%d"}`, i))
				mu.Lock()
				id, _ := made.doc.(map[string]any)["id"].(string)
				mu.Unlock()
				if a := p.send("PATCH", "/Groups/"+ids["GROUP"], `{"Operations":[{"op":"add","path":"members","value":[{"value":"`+id+`"}]}]}`); a.status != 204 {
					t.Errorf("G14: %d %s", a.status, a.body)
				}
			})
		}
		wg.Wait()
		doc, _ := p.send("GET", "/Groups/"+ids["GROUP"], "").doc.(map[string]any)
		if members, _ := doc["members"].([]any); len(members) != 18 {
			t.Errorf("G14: %d members, want 18", len(members))
		}
	})
}

// TestTheRowOfLimits: T15's answer, on a clock that stands still.
func TestTheRowOfLimits(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		still := time.Now()
		p := newProviderAt(t, db, 25, func() time.Time { return still })
		seen := map[int]int{}
		for range 400 {
			a := p.send("GET", "/Users?count=1", "")
			seen[a.status]++
			if a.status == 429 {
				isError(t, a, 429, "")
				if a.header.Get("Retry-After") != "1" {
					t.Errorf("T15: Retry-After is %q", a.header.Get("Retry-After"))
				}
				break
			}
		}
		if seen[200] < 25 || seen[429] != 1 {
			t.Errorf("T14, T15: %v", seen)
		}
	})
}
