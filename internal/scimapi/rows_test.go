package scimapi_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
)

// row is one sentence of the requirement table: a call and what it must answer.
type row struct {
	says, method, path, body string
	status                   int
	want                     map[string]any // path of the answer to its value; nil for absent
}

// run makes the calls in order; USER, OTHER and GROUP stand for ids made before, BASE for the address of the service.
func run(t *testing.T, p *provider, ids map[string]string, rows []row) {
	t.Helper()
	for _, r := range rows {
		pairs := []string{"ENT", enterprise, "BASE", p.url}
		for name, id := range ids {
			pairs = append(pairs, name, id)
		}
		fill := strings.NewReplacer(pairs...)
		path := fill.Replace(r.path)
		if at := strings.IndexByte(path, '?'); at >= 0 && !strings.Contains(path, "%") {
			path = path[:at+1] + strings.NewReplacer(" ", "%20", `"`, "%22", "[", "%5B", "]", "%5D", `\`, "%5C").Replace(path[at+1:])
		}
		a := p.send(r.method, path, fill.Replace(r.body))
		if a.status != r.status {
			t.Errorf("%s: %s %s %s: %d %s, want %d", r.says, r.method, r.path, r.body, a.status, a.body, r.status)
			continue
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

// people makes a user with every sort of attribute, one with few, and a team.
func people(t *testing.T, p *provider) map[string]string {
	t.Helper()
	made := func(path, body string) string {
		a := p.send("POST", path, body)
		if a.status != 201 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return a.at(t, "$.id").(string)
	}
	ids := map[string]string{"OTHER": made("/Users", `{"userName":"ben@acme.test","displayName":"Ben"}`)}
	ids["USER"] = made("/Users", `{"userName":"Ana@acme.test","externalId":"Ext-1","name":{"givenName":"Ana","familyName":"Kovač"},"displayName":"Ana Kovač",
		"title":"100%_\\ sure","emails":[{"value":"Ana@Acme.test","type":"work","primary":true},{"value":"ana@home.test","type":"home"}],
		"`+enterprise+`":{"department":"R&D","manager":{"value":"`+ids["OTHER"]+`"}},"roles":[{"value":"Admin","primary":"True"}]}`)
	ids["GROUP"] = made("/Groups", `{"displayName":"Éngineers","externalId":"G-1","members":[{"value":"`+ids["USER"]+`"}]}`)
	return ids
}

func TestRowsOfFinding(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		ids := people(t, p)
		found := func(says, where, filter string, n int) row {
			return row{says, "GET", "/" + where + "?filter=" + url.QueryEscape(strings.NewReplacer("USER", ids["USER"], "OTHER", ids["OTHER"], "GROUP", ids["GROUP"], "ENT", enterprise, "BASE", p.url).Replace(filter)), "", 200,
				map[string]any{"$.totalResults": n}}
		}
		refused := func(says, filter string) row {
			return row{says, "GET", "/Users?filter=" + url.QueryEscape(filter), "", 400, map[string]any{"$.scimType": "invalidFilter"}}
		}
		run(t, p, ids, []row{
			found("F1 nobody is an empty list", "Users", `userName eq "0f1c1d9e-0000-4000-8000-000000000000"`, 0),
			found("F3 value path and part", "Users", `emails[type eq "work"].value eq "ana@acme.TEST"`, 1),
			found("F3 value path misses another type", "Users", `emails[type eq "home"].value eq "ana@acme.test"`, 0),
			found("F3 any attribute", "Users", `ENT:department eq "r&d"`, 1),
			found("F3 roles", "Users", `roles.value eq "admin"`, 1),
			found("F5 reference to the manager", "Users", `id eq "USER" and manager eq "OTHER"`, 1),
			found("F5 either order", "Users", `manager eq "OTHER" and id eq "USER"`, 1),
			found("F5 another manager", "Users", `manager eq "USER" and id eq "USER"`, 0),
			found("F5 member of the team", "Groups", `id eq "GROUP" and members eq "USER"`, 1),
			found("F5 member of the team, the other way", "Groups", `members eq "OTHER" and id eq "GROUP"`, 0),
			found("F5 members.value", "Groups", `members.value eq "USER"`, 1),
			found("F6 a bare word", "Users", `externalId eq Ext-1`, 1),
			found("F6 a bare letter", "Users", `userName sw A`, 1),
			found("F12 Ping's Eq", "Users", `username Eq "ana@acme.test"`, 1),
			found("F12 Ping's email Co", "Users", `email Co "home"`, 1),
			found("F12 emails eq", "Users", `emails eq "ana@home.test"`, 1),
			found("F13 core URN", "Users", `urn:ietf:params:scim:schemas:core:2.0:User:userName eq "ana@acme.test"`, 1),
			found("F13 core URN, part", "Users", `urn:ietf:params:scim:schemas:core:2.0:User:name.familyName eq "KOVAČ"`, 1),
			found("F13 URN in another case", "Users", `URN:ietf:params:SCIM:schemas:extension:enterprise:2.0:user:Department pr`, 1),
			found("F13 schemas", "Users", `schemas eq "ENT"`, 1),
			found("F13 lastModified", "Users", `meta.lastModified gt "2011-05-13T04:42:34Z"`, 2),
			found("F13 location", "Users", `meta.location eq "BASE/Users/USER"`, 1),
			found("F14 externalId is case exact", "Users", `externalId eq "ext-1"`, 0),
			found("F14 id is case exact", "Users", `id eq "`+strings.ToUpper("USER")+`X"`, 0),
			found("F14 displayName folds", "Groups", `displayName eq "éNGINEERS"`, 1),
			found("F15 and binds closer than or", "Users", `userName eq "ben@acme.test" or userName eq "ana@acme.test" and title eq "no"`, 1),
			found("F15 grouping", "Users", `(userName eq "ben@acme.test" or userName eq "ana@acme.test") and title pr`, 1),
			found("F15 not", "Users", `not (title pr)`, 1),
			found("F15 null", "Users", `title eq null`, 1),
			found("F15 an escaped value", "Users", `title eq "100%_\\ sure"`, 1),
			found("F18 a percent sign is no wildcard", "Users", `title sw "1%"`, 0),
			found("F18 an underscore is no wildcard", "Users", `title co "_ "`, 0),
			found("F18 found as it is", "Users", `title co "%_\\"`, 1),
			found("F2 ne", "Users", `userName ne "ben@acme.test"`, 1), found("F2 ew", "Users", `userName ew "@ACME.test"`, 2),
			found("F2 le", "Users", `userName le "ana@acme.test"`, 1), found("P8 a quoted boolean", "Users", `roles[primary eq "True"].value eq "Admin"`, 1),
			found("F9 active", "Users", `active eq "True"`, 2),
			refused("F16 order of a boolean", `active gt true`), refused("F16 order of a certificate", `x509Certificates.value gt "a"`),
			refused("F16 an unknown operator", `userName like "a"`), refused("F16 a lost bracket", `(userName eq "a"`),
			refused("F17 an unknown attribute", `nonsense eq "a"`), refused("F17 an unknown extension", `urn:nobody:2.0:User:x eq "a"`),
			refused("F19 the password", `password eq "a"`), refused("F19 part of the password", `password sw "a"`),
			refused("F18 too deep", strings.Repeat("(", 61)+`userName pr`+strings.Repeat(")", 61)), refused("F18 too long", `userName eq "`+strings.Repeat("a", 10_000)+`"`),
			{"F4 without members", "GET", `/Groups?excludedAttributes=members&filter=externalId eq "G-1"`, "", 200, map[string]any{"$.Resources[0].members": nil, "$.Resources[0].displayName": "Éngineers"}},
			{"F11 the credential probe", "GET", "/Users?count=1", "", 200, map[string]any{"$.totalResults": 2, "$.itemsPerPage": 1}},
			{"F21 sub-attribute", "GET", "/Users/USER?attributes=emails.value", "", 200, map[string]any{"$.emails[0].type": nil, "$.emails[0].value": "Ana@Acme.test", "$.id": "USER", "$.userName": nil}},
			{"F21 URN names", "GET", "/Users/USER?attributes=ENT:department,userNAME", "", 200, map[string]any{"$.userName": "Ana@acme.test", "$['ENT'].department": "R&D", "$['ENT'].manager": nil, "$.name": nil}},
			{"F21 id is always there", "GET", "/Users/USER?excludedAttributes=id,userName,schemas", "", 200, map[string]any{"$.id": "USER", "$.userName": nil}},
			{"F21 never the password", "GET", "/Users/USER?attributes=password", "", 200, map[string]any{"$.password": nil, "$.id": "USER"}},
			{"F22 startIndex 0", "GET", "/Users?startIndex=0&count=1", "", 200, map[string]any{"$.startIndex": 1, "$.itemsPerPage": 1}},
			{"F22 count 0", "GET", "/Users?count=0", "", 200, map[string]any{"$.totalResults": 2, "$.itemsPerPage": 0, "$.Resources[0]": nil}},
			{"F22 a negative count", "GET", "/Users?count=-1", "", 200, map[string]any{"$.totalResults": 2, "$.itemsPerPage": 0}},
			{"F22 beyond the end", "GET", "/Users?startIndex=100", "", 200, map[string]any{"$.totalResults": 2, "$.itemsPerPage": 0}},
			{"F22 above the most", "GET", "/Users?count=1000000", "", 200, map[string]any{"$.itemsPerPage": 2}},
			{"F24 missing is last", "GET", "/Users?sortBy=title", "", 200, map[string]any{"$.Resources[0].id": "USER"}},
			{"F24 missing is first", "GET", "/Users?sortBy=title&sortOrder=descending", "", 200, map[string]any{"$.Resources[0].id": "OTHER"}},
			{"F24 without regard to case", "GET", "/Users?sortBy=userName", "", 200, map[string]any{"$.Resources[0].id": "USER"}},
			{"F25 search", "POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"attributes":["userName"],"filter":"title pr","startIndex":1,"count":10}`, 200, map[string]any{"$.totalResults": 1, "$.Resources[0].userName": "Ana@acme.test", "$.Resources[0].name": nil}},
			{"F26 all types at once are not searched", "GET", `/?filter=meta.resourceType eq "User"`, "", 501, map[string]any{"$.status": "501"}},
			{"Z8 first page by cursor", "GET", "/Users?cursor&count=1", "", 200, map[string]any{"$.itemsPerPage": 1, "$.previousCursor": nil}},
			{"Z8 a cursor that is none", "GET", "/Users?cursor=abc", "", 400, map[string]any{"$.scimType": "invalidCursor"}},
		})
	})
}

func TestRowsOfUsers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		ids := people(t, p)
		post := func(says, body string, status int, want map[string]any) row {
			return row{says, "POST", "/Users", body, status, want}
		}
		patch := func(says, ops string, status int, want map[string]any) row {
			return row{says, "PATCH", "/Users/USER", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + ops + `]}`, status, want}
		}
		run(t, p, ids, []row{
			post("U2 explicit null and a malformed URN", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],"userName":"u2","addresses":null,"phoneNumbers":null,"title":null,"department":null,"manager":null}`, 201,
				map[string]any{"$.schemas[0]": "urn:ietf:params:scim:schemas:core:2.0:User", "$.schemas[1]": nil, "$.title": nil}),
			post("U3 Okta's password and groups", `{"userName":"u3","password":"x","groups":[],"locale":"en-US","active":true}`, 201, map[string]any{"$.password": nil, "$.groups": nil, "$.locale": "en-US"}),
			post("U5 OneLogin's template", `{"schemas":["urn:scim:schemas:core:2.0","urn:scim:schemas:core:1.0"],"userName":"u5","title":"","nonsense":{"a":1},"`+enterprise+`":{"manager":{"displayName":"X"},"department":""}}`, 201, map[string]any{"$.title": nil, "$['ENT']": nil}),
			post("U5 an element whose value is empty is none", `{"userName":"u5b","emails":[{"value":"","type":"work","primary":true},{"value":"h@x.test","type":"home"}],"phoneNumbers":[{"type":"work","value":null}],"photos":[{"type":"photo","primary":true}]}`, 201,
				map[string]any{"$.emails[0].value": "h@x.test", "$.emails[1]": nil, "$.phoneNumbers": nil, "$.photos[0].type": "photo"}),
			post("U6 string booleans and odd values", `{"userName":"u6","roles":[{"primary":"True","value":"r"}],"addresses":[{"country":"Sierra Leone","type":"work"}],"locale":"RJWN","profileUrl":"BAPN","timezone":"x","`+enterprise+`":{"manager":{"value":"XYMK"}}}`, 201,
				map[string]any{"$.roles[0].primary": true, "$.addresses[0].country": "Sierra Leone", "$['ENT'].manager.value": "XYMK", "$['ENT'].manager['$ref']": nil}),
			post("U7 a bare manager, photos without value", `{"userName":"u7","photos":[{"type":"photo","primary":"true"}],"x509Certificates":[{"value":"not DER"}],"`+enterprise+`":{"manager":"PNGS"}}`, 201, map[string]any{"$['ENT'].manager.value": "PNGS", "$.x509Certificates[0].value": "not DER"}),
			post("U8 PascalCase", `{"UserName":"u8","Active":"True","Emails":[{"Primary":"true","Type":"work","Value":"a@b.test"},{"type":"work","value":"c@d.test"}],"Department":"D","Manager.Value":"m","name":{"givenName":null}}`, 201,
				map[string]any{"$.userName": "u8", "$.active": true, "$.emails[0].primary": true, "$.emails[1].value": "c@d.test", "$['ENT'].department": "D", "$['ENT'].manager.value": "m"}),
			post("U9 an empty userName", `{"userName":" "}`, 400, map[string]any{"$.scimType": "invalidValue"}),
			post("U9 a wrong type", `{"userName":"u9","name":"Ana"}`, 400, map[string]any{"$.scimType": "invalidSyntax"}),
			post("U10 the name of another, in another case", `{"userName":"ANA@ACME.TEST"}`, 409, map[string]any{"$.scimType": "uniqueness"}),
			post("U11 client id, meta and groups are ignored", `{"id":"mine","meta":{"version":"9","created":"x"},"groups":[{"value":"g"}],"userName":"u11"}`, 201, map[string]any{"$.groups": nil, "$.meta.version": `W/"1"`}),
			post("U12 externalId is not unique among the active", `{"userName":"u12","externalId":"Ext-1"}`, 201, map[string]any{"$.externalId": "Ext-1"}),
			post("U13 two primary", `{"userName":"u13","emails":[{"value":"a@x.test","primary":true},{"value":"b@x.test","primary":true}]}`, 201, map[string]any{"$.emails[0].primary": true, "$.emails[1].primary": false}),
			post("U14 kept as sent", `{"userName":"U14@Acme.Test","phoneNumbers":[{"value":"(555) 555-5555 x1","type":"work"}]}`, 201, map[string]any{"$.userName": "U14@Acme.Test", "$.phoneNumbers[0].value": "(555) 555-5555 x1"}),
			post("U15 numbers for strings", `{"userName":"u15","addresses":[{"postalCode":91608}],"`+enterprise+`":{"employeeNumber":701984}}`, 201, map[string]any{"$['ENT'].employeeNumber": "701984", "$.addresses[0].postalCode": "91608"}),
			post("U16a SingleAppRoleAssignment", `{"userName":"u16a","roles":[{"primary":true,"type":"WindowsAzureActiveDirectoryRole","value":"Admin"}]}`, 201, map[string]any{"$.roles[0].value": "Admin", "$.roles[0].type": "WindowsAzureActiveDirectoryRole"}),
			post("U16b AppRoleAssignmentsComplex", `{"userName":"u16b","roles":[{"primary":false,"type":"WindowsAzureActiveDirectoryRole","displayName":"Admin","value":"Admin"},{"primary":false,"type":"WindowsAzureActiveDirectoryRole","displayName":"User","value":"User"}]}`, 201,
				map[string]any{"$.roles[0].display": "Admin", "$.roles[1].value": "User", "$.roles[1].type": "WindowsAzureActiveDirectoryRole"}),
			post("U16c AssertiveAppRoleAssignmentsComplex", `{"userName":"u16c","roles":[{"primary":false,"type":"t","display":"Admin","value":"Admin"}],"entitlements":[{"value":"e","display":"E"}]}`, 201, map[string]any{"$.roles[0].display": "Admin", "$.entitlements[0].value": "e"}),
			post("U18 an extension that nobody defined", `{"userName":"u18","urn:ietf:params:scim:schemas:extension:Acme:2.0:User":{"badge":"7"}}`, 201, map[string]any{"$['urn:ietf:params:scim:schemas:extension:Acme:2.0:User']": nil}),
			post("U19 flat URN keys", `{"userName":"u19","ENT:department":"x","ENT:manager.value":"m"}`, 201, map[string]any{"$['ENT'].department": "x", "$['ENT'].manager.value": "m"}),
			{"R3 an unknown id makes nobody", "PUT", "/Users/ppl_nobody", `{"userName":"r3"}`, 404, nil},
			{"R4 another id in the body", "PUT", "/Users/OTHER", `{"id":"USER","userName":"ben@acme.test","active":true}`, 200, map[string]any{"$.id": "OTHER", "$.displayName": nil}},
			{"R4 no userName", "PUT", "/Users/OTHER", `{"active":true}`, 400, map[string]any{"$.scimType": "invalidValue"}},
			{"R4 the name of another", "PUT", "/Users/OTHER", `{"userName":"Ana@acme.test"}`, 409, map[string]any{"$.scimType": "uniqueness"}},
			{"R5 a misspelt attribute", "PUT", "/Users/OTHER", `{"userName":"ben@acme.test","adreses":[{"a":1}]}`, 200, nil},
			{"R6 a PUT of the core alone keeps the extension", "PUT", "/Users/USER", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"Ana@acme.test","externalId":"Ext-1","emails":[{"value":"Ana@Acme.test","type":"work","primary":true}]}`, 200, map[string]any{"$['ENT'].department": "R&D", "$.title": nil, "$.active": true}},
			patch("P1 capitals", `{"op":"ADD","path":"title","value":"x"}`, 200, map[string]any{"$.title": "x"}),
			patch("P2 a string for active", `{"op":"Replace","path":"active","value":"False"}`, 200, map[string]any{"$.active": false}),
			patch("P2 and back", `{"op":"Replace","path":"active","value":"True"}`, 200, map[string]any{"$.active": true}),
			patch("P2 another string", `{"op":"Replace","path":"active","value":"maybe"}`, 400, map[string]any{"$.scimType": "invalidValue"}),
			patch("P4 without a path", `{"op":"replace","value":{"active":false}}`, 200, map[string]any{"$.active": false, "$.title": "x"}),
			patch("P6 dotted and URN keys", `{"op":"replace","value":{"displayName":"N","name.givenName":"G","name.familyName":"F","ENT:employeeNumber":"7","active":true}}`, 200, map[string]any{"$.name.givenName": "G", "$.name.familyName": "F", "$['ENT'].employeeNumber": "7"}),
			patch("P7 a missing element is made once", `{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"1"},{"op":"Replace","path":"phoneNumbers[type eq \"mobile\"].display","value":"d"}`, 200, map[string]any{"$.phoneNumbers[0].type": "mobile", "$.phoneNumbers[0].display": "d", "$.phoneNumbers[1]": nil}),
			patch("P8 a quoted boolean in a path", `{"op":"Replace","path":"entitlements[primary eq \"True\"].value","value":"v"},{"op":"Replace","path":"entitlements[primary eq \"True\"].display","value":"D"}`, 200, map[string]any{"$.entitlements[0].primary": true, "$.entitlements[0].value": "v", "$.entitlements[0].display": "D", "$.entitlements[1]": nil}),
			patch("P9 a boolean in a path", `{"op":"replace","path":"entitlements[primary eq true].value","value":"w"}`, 200, map[string]any{"$.entitlements[0].value": "w"}),
			patch("P14 remove without a path", `{"op":"remove"}`, 400, map[string]any{"$.scimType": "noTarget"}),
			patch("P14 remove what is required", `{"op":"remove","path":"userName"}`, 400, map[string]any{"$.scimType": "mutability"}),
			patch("P14 an unknown path", `{"op":"replace","path":"nonsense","value":"x"}`, 400, map[string]any{"$.scimType": "invalidPath"}),
			patch("P14 a bad filter", `{"op":"replace","path":"emails[type xx \"work\"].value","value":"x"}`, 400, map[string]any{"$.scimType": "invalidFilter"}),
			patch("P14 an unknown operation", `{"op":"move","path":"title","value":"x"}`, 400, map[string]any{"$.scimType": "invalidSyntax"}),
			{"P14 no operations", "PATCH", "/Users/USER", `{"Operations":[]}`, 400, map[string]any{"$.scimType": "invalidSyntax"}},
			{"P14 none at all", "PATCH", "/Users/USER", `{}`, 400, map[string]any{"$.scimType": "invalidSyntax"}},
			{"P17 attributes", "PATCH", "/Users/USER?attributes=title", `{"operations":[{"op":"add","path":"title","value":"y"}]}`, 200, map[string]any{"$.title": "y", "$.userName": nil}},
			patch("P18 an un-prefixed manager in an array", `{"op":"Add","path":"manager","value":[{"$ref":"x","value":"OTHER"}]}`, 200, map[string]any{"$['ENT'].manager.value": "OTHER", "$['ENT'].manager['$ref']": "BASE/Users/OTHER"}),
			patch("P19 a bare string", `{"op":"Replace","path":"ENT:manager","value":"m1"}`, 200, map[string]any{"$['ENT'].manager.value": "m1"}),
			patch("P19 cleared by an empty string", `{"op":"Replace","path":"ENT:manager","value":""}`, 200, map[string]any{"$['ENT'].manager": nil}),
			patch("P19 set again, removed by a value path", `{"op":"Add","path":"ENT:manager","value":{"value":"m2"}},{"op":"remove","path":"ENT:manager[value eq \"m2\"]"}`, 200, map[string]any{"$['ENT'].manager": nil}),
			patch("C19 cleared by an empty value", `{"op":"Add","path":"manager","value":"m3"},{"op":"Replace","path":"manager","value":{"value":""}}`, 200, map[string]any{"$['ENT'].manager": nil}),
			patch("C19 cleared by null", `{"op":"Add","path":"manager","value":"m4"},{"op":"Replace","path":"ENT:manager","value":null}`, 200, map[string]any{"$['ENT'].manager": nil}),
			patch("P21 replace is the exact set", `{"op":"replace","path":"roles","value":[{"primary":false,"type":"t","display":"A","value":"a"},{"primary":false,"type":"t","display":"B","value":"b"}]}`, 200, map[string]any{"$.roles[0].value": "a", "$.roles[1].value": "b", "$.roles[2]": nil}),
			patch("P21 JSON in a string is kept as text and shown by its name", `{"op":"Add","path":"roles","value":"{\"id\":\"1\",\"value\":\"25\",\"displayName\":\"Role 25\"}"}`, 200,
				map[string]any{"$.roles[2].value": `{"id":"1","value":"25","displayName":"Role 25"}`, "$.roles[2].display": "Role 25"}),
			patch("P21 JSON in strings", `{"op":"Add","path":"roles","value":["{\"id\":\"2\",\"value\":\"26\",\"displayName\":\"Role 26\"}"]}`, 200, map[string]any{"$.roles[3].display": "Role 26"}),
			patch("P21 not twice", `{"op":"Add","path":"roles","value":["{\"id\":\"2\",\"value\":\"26\",\"displayName\":\"Role 26\"}"]}`, 200, map[string]any{"$.roles[4]": nil}),
			patch("P23 null clears", `{"op":"replace","path":"title","value":null},{"op":"replace","value":{"name":{"givenName":null},"roles":null}}`, 200, map[string]any{"$.title": nil, "$.name.givenName": nil, "$.name.familyName": "F", "$.roles": nil}),
			patch("P23 null on what is required", `{"op":"replace","path":"userName","value":null}`, 400, map[string]any{"$.scimType": "invalidValue"}),
			patch("P24 core URN", `{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User:name.familyName","value":"K"},{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User:active","value":true}`, 200, map[string]any{"$.name.familyName": "K"}),
			patch("P24 dots in a value", `{"op":"add","path":"emails","value":[{"value":"a.b@c.d","type":"other"}]},{"op":"replace","path":"emails[value eq \"a.b@c.d\"].display","value":"x"}`, 200, map[string]any{"$.emails[?(@.value=='a.b@c.d')].display": "x"}),
			patch("P24 an extension by itself, then gone", `{"op":"add","path":"ENT","value":{"division":"d"}},{"op":"remove","path":"ENT"}`, 200, map[string]any{"$['ENT']": nil, "$.schemas[1]": nil}),
			patch("P25 read-only in a value is skipped", `{"op":"replace","value":{"id":"x","title":"z"}}`, 200, map[string]any{"$.id": "USER", "$.title": "z"}),
			patch("P25 read-only by its path", `{"op":"replace","path":"id","value":"x"}`, 400, map[string]any{"$.scimType": "mutability"}),
			patch("P26 what is unknown is skipped", `{"name":"addMember","op":"replace","value":{"nonsense":1,"title":"w"}}`, 200, map[string]any{"$.title": "w"}),
			{"P29 an operation on nothing", "PATCH", "/Users/USER", `{"Operations":[{"op":"replace","path":"emails[type eq \"nonexistent\"].value","value":"x"}]}`, 400, map[string]any{"$.scimType": "noTarget"}},
			{"X1 an inactive person is still there", "PATCH", "/Users/OTHER", `{"Operations":[{"op":"replace","value":{"active":false}}]}`, 200, map[string]any{"$.active": false}},
			{"X1 by the filter too", "GET", `/Users?filter=userName eq "ben@acme.test"`, "", 200, map[string]any{"$.totalResults": 1}},
			post("U10 the name of an inactive person", `{"userName":"BEN@acme.test"}`, 409, map[string]any{"$.scimType": "uniqueness"}),
			{"X5 back with the same id", "PATCH", "/Users/OTHER", `{"Operations":[{"op":"replace","value":{"active":true}}]}`, 200, map[string]any{"$.active": true, "$.id": "OTHER"}},
			{"X2 deleted", "DELETE", "/Users/OTHER", "", 204, nil}, {"X8 deleted twice", "DELETE", "/Users/OTHER", "", 404, nil},
			post("X8 the name is free", `{"userName":"ben@acme.test"}`, 201, nil),
			{"Z10 a collection is not deleted", "DELETE", "/Users?filter=x", "", 405, nil},
		})
	})
}

func TestRowsOfTeams(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		ids := people(t, p)
		patch := func(says, ops string, status int) row {
			return row{says, "PATCH", "/Groups/GROUP", `{"Operations":[` + ops + `]}`, status, nil}
		}
		members := func(says string, want ...any) row {
			w := map[string]any{fmt.Sprintf("$.members[%d]", len(want)): nil}
			for i, id := range want {
				w[fmt.Sprintf("$.members[%d].value", i)] = id
			}
			return row{says, "GET", "/Groups/GROUP", "", 200, w}
		}
		const both = `{"op":"add","path":"members","value":[{"value":"USER"},{"value":"OTHER"}]}`
		only := func(says string) row {
			return row{says, "GET", `/Groups?filter=id eq "GROUP" and members eq "OTHER"`, "", 200, map[string]any{"$.totalResults": 1}}
		}
		run(t, p, ids, []row{
			{"G1 Entra's unknown URI", "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"externalId":"x","displayName":"g1","meta":{"resourceType":"Group"}}`, 201, map[string]any{"$.schemas[1]": nil, "$.members": nil}},
			{"G2 empty members", "POST", "/Groups", `{"displayName":"g2","members":[]}`, 201, nil},
			{"G3 the name again, in another case", "POST", "/Groups", `{"displayName":"éngineers"}`, 409, map[string]any{"$.scimType": "uniqueness"}},
			patch("G3 renamed to a taken name", `{"op":"replace","path":"displayName","value":"G2"}`, 409),
			patch("G5 Okta's rename", `{"op":"replace","value":{"id":"GROUP","displayName":"Engineers"}}`, 204), members("G5 members stay", "USER"),
			patch("G6 members with a null reference", `{"op":"Add","path":"members","value":[{"$ref":null,"value":"OTHER"},{"$ref":null,"value":"OTHER"}]}`, 204), only("G6 added"),
			patch("G7 Entra's remove with value", `{"op":"Remove","path":"members","value":[{"value":"USER"}]}`, 204), members("G7 only that one", "OTHER"),
			patch("G8 not a member", `{"op":"remove","path":"members[value eq \"USER\"]"}`, 204), members("G8 nothing changed", "OTHER"),
			patch("C16 nobody", `{"op":"remove","path":"members[value eq \"ppl_nobody\"]"}`, 204),
			patch("G9 remove and add", `{"op":"remove","path":"members[value eq \"OTHER\"]"},{"op":"add","path":"members","value":[{"value":"USER"}]}`, 204), members("G9 done in order", "USER"),
			patch("G9 the full push", `{"op":"replace","path":"members","value":[{"value":"OTHER","display":"x"}]}`, 204), members("G9 exactly those", "OTHER"),
			patch("G9 emptied", `{"op":"replace","path":"members","value":[]}`, 204), members("G9 nobody"),
			{"G10 PUT", "PUT", "/Groups/GROUP", `{"displayName":"Engineers","members":[{"value":"USER"}]}`, 200, map[string]any{"$.members[0].value": "USER"}},
			{"G10 PUT without members", "PUT", "/Groups/GROUP", `{"displayName":"Engineers","members":null}`, 200, map[string]any{"$.members[0].value": "USER"}},
			patch("G12 unknown ids", `{"op":"add","path":"members","value":[{"value":"string id 1"},{"value":"OTHER"}]}`, 204), only("G12 the known one came in"),
			patch("G13 an object", `{"op":"add","path":"members","value":{"value":"USER","displayName":"x"}}`, 204), patch("G13 a bare string", `{"op":"add","path":"members","value":"USER"}`, 204),
			patch("G15 add externalId", `{"op":"Add","path":"externalId","value":"G-2"},{"op":"Add","path":"displayName","value":"Engineers 2"}`, 204),
			{"G15 done", "GET", "/Groups/GROUP?excludedAttributes=members", "", 200, map[string]any{"$.externalId": "G-2", "$.displayName": "Engineers 2"}},
			{"G16 the person's teams", "GET", "/Users/USER", "", 200, map[string]any{"$.groups[0].value": "GROUP", "$.groups[0].display": "Engineers 2", "$.groups[0].type": "direct"}},
			patch("G17 a team in a team", `{"op":"add","path":"members","value":[{"value":"GROUP","type":"Group"}]}`, 400),
			{"X3 inactive members stay", "PATCH", "/Users/USER", `{"Operations":[{"op":"replace","path":"active","value":false}]}`, 200, map[string]any{"$.groups[0].value": "GROUP"}},
			{"X9 a deleted person", "DELETE", "/Users/OTHER", "", 204, nil}, members("X9 is in no team", "USER"),
			patch("both", both, 204), {"G11 deleted", "DELETE", "/Groups/GROUP", "", 204, nil}, {"G11 people stay", "GET", "/Users/USER", "", 200, map[string]any{"$.groups": nil}},
			{"G11 gone", "GET", "/Groups/GROUP", "", 404, nil},
		})
	})
}
