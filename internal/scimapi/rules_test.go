package scimapi_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/scim"
)

const acmeURN = "urn:ietf:params:scim:schemas:extension:acme:2.0:User"

// arrange gives the provider's workspace a schema, a mapping and a role mapping of its own.
func (p *provider) arrange(t *testing.T) {
	t.Helper()
	dir := directory.New(p.db)
	by := actor.Actor{Kind: actor.Operator, Workspace: p.workspace, Name: "test"}
	_, err := dir.DefineSchema(t.Context(), by, directory.Schema{ResourceType: directory.UserResource, URN: acmeURN, Name: "Acme", Attributes: []directory.SchemaAttribute{
		{Name: "badge", Type: scim.String}, {Name: "floor", Type: scim.Integer}, {Name: "rate", Type: scim.Decimal}, {Name: "remote", Type: scim.Boolean}, {Name: "since", Type: scim.DateTime},
		{Name: "cert", Type: scim.Binary}, {Name: "skills", Type: scim.String, MultiValued: true}, {Name: "days", Type: scim.DateTime, MultiValued: true},
		{Name: "keys", Type: scim.Complex, MultiValued: true, SubAttributes: []directory.SchemaAttribute{{Name: "value", Type: scim.String}, {Name: "doors", Type: scim.Decimal}, {Name: "open", Type: scim.Boolean}}},
	}})
	if err == nil {
		_, err = dir.SetMapping(t.Context(), by, directory.AttributeMapping{"name": {acmeURN + ":badge", "{name.givenName}-{" + acmeURN + ":floor}"}, "email": {acmeURN + ":keys", "emails"}})
	}
	offer := true
	if err == nil {
		_, err = dir.SetRoles(t.Context(), by, directory.RoleMapping{Rules: []directory.RoleRule{{AppRole: "Admin", Role: directory.Admin}}}, &offer)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestNothingIsAnswered500UnderRules(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProvider(t, db, 0)
		p.arrange(t)
		id := p.send("POST", "/Users", `{"userName":"ada","`+acmeURN+`":{"badge":"1","floor":2,"rate":1.5,"remote":true,"since":"2026-01-01T00:00:00Z","skills":["a"],"keys":[{"value":"k","doors":1}]}}`).at(t, "$.id").(string)
		names := []string{"badge", "floor", "rate", "remote", "since", "cert", "skills", "days", "keys", "keys.value", "keys.doors", `keys[open eq true].value`, "keys[doors gt 0]"}
		values := []string{`null`, `true`, `-1`, `1e999`, `-1e-400`, `12345678901234567890123`, `"NaN"`, `"Infinity"`, `"0x10"`, `" 7 "`, `""`, `"\u0000"`, `"\ud800"`, `"{\"a\":1}"`, `[]`, `{}`, `[null]`, `[[]]`,
			`[{"value":null,"doors":"1e308"}]`, `{"value":{"value":1}}`, `[{"value":"\u0000","doors":"x"}]`, `"2026-13-01T00:00:00Z"`, `"0000-00-00T00:00:00Z"`, `"` + strings.Repeat("ẞ", 3000) + `@x"`,
			`[{"value":"` + strings.Repeat("x", 3000) + `@x"}]`}
		for _, v := range values {
			for _, name := range names {
				p.never500(t, "PATCH", "/Users/"+id, fmt.Sprintf(`{"Operations":[{"op":"replace","path":%q,"value":%s}]}`, acmeURN+":"+name, v))
				p.never500(t, "PATCH", "/Users/"+id, fmt.Sprintf(`{"Operations":[{"op":"add","value":{%q:%s}}]}`, acmeURN+":"+name, v))
				p.never500(t, "PUT", "/Users/"+id, fmt.Sprintf(`{"userName":"ada",%q:{%q:%s}}`, acmeURN, name, v))
			}
			p.never500(t, "PUT", "/Users/"+id, fmt.Sprintf(`{"userName":"ada",%q:%s,"roles":%s}`, acmeURN, v, v))
		}
		for _, name := range names {
			for _, op := range []string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"} {
				for _, v := range []string{`"x"`, `1`, `true`, `null`, `1e400`, `"NaN"`, `"2026-01-01T00:00:00Z"`, `"\u0000"`} {
					p.never500(t, "GET", "/Users?count=1&filter="+url.QueryEscape(acmeURN+":"+name+" "+op+" "+v), "")
				}
			}
			p.never500(t, "GET", "/Users?count=1&filter="+url.QueryEscape("not ("+name+" pr)"), "")
			p.never500(t, "GET", "/Users?count=1&sortBy="+url.QueryEscape(acmeURN+":"+name), "")
		}
		for _, path := range []string{"/Roles", "/Roles/owner", "/Roles/%00", "/Roles?count=x", "/Roles?startIndex=99999999999999999999", "/Roles/admin/x", "/Schemas/" + acmeURN, "/ResourceTypes/Role"} {
			p.never500(t, "GET", path, "")
		}
	})
}

// A storm of the same requests, as a provider sends after it timed out: one person, one team, one membership, and only clear answers.
func TestAStormOfRetriesMakesOneOfEverything(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		for _, arranged := range []bool{false, true} {
			p := newProvider(t, db, 0)
			if arranged {
				p.arrange(t)
			}
			ada := p.send("POST", "/Users", `{"userName":"ada"}`).at(t, "$.id").(string)
			team := p.send("POST", "/Groups", `{"displayName":"T"}`).at(t, "$.id").(string)
			var mu sync.Mutex
			seen := map[string]int{}
			var wg sync.WaitGroup
			for range 24 {
				wg.Go(func() {
					for _, c := range [][3]string{{"POST", "/Users", `{"userName":"BEN","externalId":"b"}`}, {"POST", "/Groups", `{"displayName":"Team"}`},
						{"PATCH", "/Groups/" + team, `{"Operations":[{"op":"add","path":"members","value":[{"value":"` + ada + `"}]}]}`},
						{"PATCH", "/Users/" + ada, `{"Operations":[{"op":"replace","path":"title","value":"x"}]}`}} {
						a := p.send(c[0], c[1], c[2])
						mu.Lock()
						seen[fmt.Sprint(c[0], " ", strings.Split(c[1], "/")[1], " ", a.status)]++
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			for what, n := range map[string]int{"POST Users 201": 1, "POST Users 409": 23, "POST Groups 201": 1, "POST Groups 409": 23, "PATCH Groups 204": 24, "PATCH Users 200": 24} {
				if seen[what] != n {
					t.Errorf("arranged %v: %v, want %d of %s", arranged, seen, n, what)
				}
			}
			if a := p.send("GET", "/Users/"+ada, ""); a.header.Get("ETag") != `W/"2"` || a.at(t, "$.groups[0].value") != team || a.at(t, "$.groups[1]") != nil {
				t.Errorf("%s", a.body)
			}
			if a := p.send("GET", "/Groups/"+team, ""); a.header.Get("ETag") != `W/"2"` || a.at(t, "$.members[1]") != nil {
				t.Errorf("%s", a.body)
			}
		}
	})
}
