package scimapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
)

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

func TestLifeOfAPerson(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		a := p.send("POST", "/Users?attributes=userName", `{"schemas":["urn:wrong"],"userName":"Ada","groups":[],"id":"x","password":"p","roles":[]}`)
		id, _ := a.at(t, "$.id").(string)
		if a.status != 201 || a.header.Get("Location") != p.url+"/Users/"+id || a.header.Get("ETag") != `W/"1"` || a.at(t, "$.active") != nil {
			t.Fatalf("%d %v %s", a.status, a.header, a.body)
		}
		whole := p.send("GET", "/Users/"+id, "")
		for path, want := range map[string]any{"$.active": true, "$.userName": "Ada", "$.password": nil, "$.roles": nil, "$.groups": nil, "$.schemas[1]": nil,
			"$.meta.version": `W/"1"`, "$.meta.location": p.url + "/Users/" + id, "$.meta.resourceType": "User"} {
			if got := whole.at(t, path); got != want {
				t.Errorf("%s is %v, want %v", path, got, want)
			}
		}
		if whole.at(t, "$.meta.created") != whole.at(t, "$.meta.lastModified") {
			t.Error("never modified, but lastModified differs from created")
		}
		isError(t, p.send("POST", "/Users", `{"userName":"ADA"}`), 409, "uniqueness")
		isError(t, p.send("POST", "/Users", `{"displayName":"x"}`), 400, "invalidValue")
		isError(t, p.send("POST", "/Users", `{`), 400, "invalidSyntax")
		isError(t, p.send("PUT", "/Users/"+id, `{"displayName":"x"}`), 400, "invalidValue")
		isError(t, p.send("PATCH", "/Users/"+id, `{"Operations":[{"op":"replace","path":"nonsense","value":1}]}`), 400, "invalidPath")
		a = p.send("PUT", "/Users/"+id, `{"id":"another","userName":"Ada","adreses":[1],"title":"x","`+enterprise+`":{"manager":"nobody"}}`)
		if a.status != 200 || a.at(t, "$.id") != id || a.at(t, "$.title") != "x" || a.at(t, "$['"+enterprise+"'].manager.value") != "nobody" || a.header.Get("ETag") != `W/"2"` {
			t.Errorf("%d %s", a.status, a.body)
		}
		if a = p.send("DELETE", "/Users/"+id, ""); a.status != 204 || a.body != "" {
			t.Errorf("%d %s", a.status, a.body)
		}
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
			body := map[string]string{"PUT": `{"userName":"Ada"}`, "PATCH": `{"Operations":[{"op":"add","path":"title","value":"y"}]}`}[method]
			isError(t, p.send(method, "/Users/"+id, body), 404, "")
		}
	})
}

func TestPatchIsAllOrNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		id := p.send("POST", "/Users", `{"userName":"ada"}`).at(t, "$.id").(string)
		before := p.send("GET", "/Users/"+id, "").body
		a := p.send("PATCH", "/Users/"+id, `{"Operations":[{"op":"replace","path":"title","value":"x"},{"op":"remove","path":"userName"}]}`)
		isError(t, a, 400, "mutability")
		if !strings.Contains(a.body, "Operation 2") {
			t.Errorf("which operation is wrong is not said: %s", a.body)
		}
		if after := p.send("GET", "/Users/"+id, "").body; after != before {
			t.Errorf("half of it stayed: %s", after)
		}
	})
}

func TestPatchOfAGroupAnswers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		user := p.send("POST", "/Users", `{"userName":"ada","displayName":"Ada"}`).at(t, "$.id").(string)
		group := p.send("POST", "/Groups", `{"displayName":"g","members":[{"value":"`+user+`"}]}`)
		if got := group.at(t, "$.members[0]"); fmt.Sprint(got) != fmt.Sprint(map[string]any{"value": user, "$ref": p.url + "/Users/" + user, "display": "Ada", "type": "User"}) {
			t.Errorf("member %v", got)
		}
		id := group.at(t, "$.id").(string)
		body := `{"Operations":[{"op":"add","path":"externalId","value":"x"}]}`
		if a := p.send("PATCH", "/Groups/"+id, body); a.status != 204 || a.body != "" || a.header.Get("ETag") != `W/"2"` {
			t.Errorf("%d %s", a.status, a.body)
		}
		if a := p.send("PATCH", "/Groups/"+id+"?attributes=members", body); a.status != 200 || a.at(t, "$.members[0].value") != user || a.at(t, "$.displayName") != nil {
			t.Errorf("%d %s", a.status, a.body)
		}
		if a := p.send("PATCH", "/Groups/"+id+"?excludedAttributes=members", body); a.status != 200 || a.at(t, "$.members") != nil || a.at(t, "$.externalId") != "x" {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

func TestVersions(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		id := p.send("POST", "/Users", `{"userName":"ada"}`).at(t, "$.id").(string)
		with := func(method, name, value, body string) answer {
			h := http.Header{"Authorization": {"Bearer " + p.token}, name: {value}}
			if body == "" {
				return p.do(method, "/Users/"+id, h, nil)
			}
			return p.do(method, "/Users/"+id, h, []byte(body))
		}
		for tag, want := range map[string]int{`W/"1"`: 304, `"1"`: 304, `*`: 304, `W/"7", W/"1"`: 304, `W/"2"`: 200, ``: 200} {
			if a := with("GET", "If-None-Match", tag, ""); a.status != want || a.header.Get("ETag") != `W/"1"` || want == 304 && a.body != "" {
				t.Errorf("If-None-Match %s: %d, want %d", tag, a.status, want)
			}
		}
		patch := `{"Operations":[{"op":"add","path":"title","value":"x"}]}`
		isError(t, with("PATCH", "If-Match", `W/"9"`, patch), 412, "")
		isError(t, with("PUT", "If-Match", `W/"9"`, `{"userName":"b"}`), 412, "")
		isError(t, with("DELETE", "If-Match", `W/"9"`, ""), 412, "")
		if a := with("PATCH", "If-Match", "*", patch); a.status != 200 {
			t.Errorf("*: %d", a.status)
		}
		if a := with("DELETE", "If-Match", `W/"2"`, ""); a.status != 204 {
			t.Errorf("the right version: %d %s", a.status, a.body)
		}
	})
}

func TestLists(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		if a := p.send("GET", "/Users", ""); !strings.Contains(a.body, `"Resources":[]`) || a.at(t, "$.itemsPerPage") != 0.0 || a.at(t, "$.totalResults") != 0.0 {
			t.Errorf("an empty list is %s", a.body)
		}
		for i := range 3 {
			p.send("POST", "/Users", fmt.Sprintf(`{"userName":"u%d; & + %%","displayName":"D%d"}`, i, i))
		}
		for query, want := range map[string]string{
			`filter=userName+sw+"U"`: "3", `filter=` + url.QueryEscape(`userName eq "u1; & + %"`): "1", `filter=userName eq "u1; %26 %2B %25"`: "1",
			`excludedAttributes=members&filter=displayName+eq+D2`: "1", `FILTER=displayName+eq+D2`: "1",
			`filter=nonsense+eq+"x"`: "invalidFilter", `filter=`: "invalidFilter", `filter=userName+pr&filter=title+pr`: "invalidFilter", `filter=%zz`: "invalidSyntax",
			`count=x`: "invalidValue", `startIndex=1.5`: "invalidValue", `cursor&count=x`: "invalidCount", `cursor=x`: "invalidCursor", `sortBy=name`: "invalidPath",
			`sortBy=userName&sortOrder=sideways`: "invalidValue",
		} {
			a := p.send("GET", "/Users?"+strings.ReplaceAll(strings.ReplaceAll(query, " ", "%20"), `"`, "%22"), "")
			if a.status == 200 {
				if got := fmt.Sprint(a.at(t, "$.totalResults")); got != want {
					t.Errorf("%s finds %s, want %s", query, got, want)
				}
			} else {
				isError(t, a, 400, want)
			}
		}
		a := p.send("POST", "/Users/.search?count=1", `{"Attributes":"userName","filter":"displayName pr","sortBy":"userName","sortOrder":"Descending","startIndex":2,"count":1,"cursor":null}`)
		if a.status != 200 || a.at(t, "$.Resources[0].userName") != "u1; & + %" || a.at(t, "$.startIndex") != 2.0 || a.at(t, "$.Resources[0].displayName") != nil {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

func TestBulk(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		old := p.send("POST", "/Users", `{"userName":"old"}`).at(t, "$.id").(string)
		manager := func(name string) string { return `"` + enterprise + `":{"manager":{"value":"bulkId:` + name + `"}}` }
		a := p.send("POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[
			{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"g","members":[{"value":"bulkId:a"},{"value":"`+old+`"}]}},
			{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"a",`+manager("b")+`}},
			{"method":"post","path":"Users","bulkId":"b","data":{"userName":"b",`+manager("a")+`}},
			{"method":"POST","path":"/Users","bulkId":"bad","data":{"userName":"OLD"}},
			{"method":"POST","path":"/Users","bulkId":"lost","data":{"userName":"lost",`+manager("bad")+`}},
			{"method":"POST","path":"/Users","bulkId":"odd","data":{"userName":"odd",`+manager("nobody")+`}},
			{"method":"PATCH","path":"/Users/bulkId:a","data":{"Operations":[{"op":"add","path":"title","value":"x"}]}},
			{"method":"PUT","path":"/Users/`+old+`","version":"W/\"9\"","data":{"userName":"old"}},
			{"method":"DELETE","path":"/Users/`+old+`"},
			{"method":"GET","path":"/Users/`+old+`"},
			{"method":"POST","path":"/Users","data":{"userName":"x"}},
			{"method":"POST","path":"/Nonsense","bulkId":"n","data":{}},
			{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"twin"}}]}`)
		var got []string
		for i := range 13 {
			got = append(got, fmt.Sprint(a.at(t, fmt.Sprintf("$.Operations[%d].status", i))))
		}
		if want := "201 201 201 409 409 400 200 412 204 400 400 400 400"; a.status != 200 || strings.Join(got, " ") != want {
			t.Errorf("%d %v, want %s\n%s", a.status, got, want, a.body)
		}
		if a.at(t, "$.Operations[3].location") != nil || a.at(t, "$.Operations[3].response.scimType") != "uniqueness" || a.at(t, "$.Operations[7].location") == nil {
			t.Errorf("%s", a.body)
		}
		first, second := p.send("GET", "/Users?filter=userName+eq+%22a%22", ""), p.send("GET", "/Users?filter=userName+eq+%22b%22", "")
		path := "$.Resources[0]['" + enterprise + "'].manager.value"
		if first.at(t, path) != second.at(t, "$.Resources[0].id") || second.at(t, path) != first.at(t, "$.Resources[0].id") || first.at(t, "$.Resources[0].title") != "x" {
			t.Errorf("the circle is not closed: %s %s", first.body, second.body)
		}
		if g := p.send("GET", "/Groups", ""); g.at(t, "$.Resources[0].members[0].value") != first.at(t, "$.Resources[0].id") || g.at(t, "$.Resources[0].members[1]") != nil {
			t.Errorf("%s", g.body)
		}
		if v := p.send("GET", "/Users/"+first.at(t, "$.Resources[0].id").(string), "").at(t, "$.meta.version"); v != a.at(t, "$.Operations[6].version") && v != a.at(t, "$.Operations[1].version") {
			t.Errorf("version %v is in no result: %s", v, a.body)
		}
	})
}

func TestTeamsInACircleLeaveNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		a := p.send("POST", "/Bulk", `{"Operations":[
			{"method":"POST","path":"/Groups","bulkId":"a","data":{"displayName":"a","members":[{"value":"bulkId:b"}]}},
			{"method":"POST","path":"/Groups","bulkId":"b","data":{"displayName":"b","members":[{"value":"bulkId:a"}]}}]}`)
		if a.at(t, "$.Operations[0].status") != "409" || a.at(t, "$.Operations[1].status") != "400" {
			t.Errorf("%s", a.body)
		}
		if g := p.send("GET", "/Groups", ""); g.at(t, "$.totalResults") != 0.0 {
			t.Errorf("left over: %s", g.body)
		}
	})
}

func TestBulkStopsAfterSoManyErrors(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		ops := strings.TrimSuffix(strings.Repeat(`{"method":"DELETE","path":"/Users/x"},`, 5), ",")
		for most, want := range map[int]string{0: "404", 2: "<nil>"} {
			a := p.send("POST", "/Bulk", fmt.Sprintf(`{"failOnErrors":%d,"Operations":[%s]}`, most, ops))
			if got := fmt.Sprint(a.at(t, "$.Operations[2].status")); got != want || a.at(t, "$.Operations[1].status") != "404" {
				t.Errorf("failOnErrors %d: %s", most, a.body)
			}
		}
	})
}
