package scim_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/scim"
)

// ada is a complete person as an answer shows her.
var ada = mustDecode(`{
	"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
	"id": "ppl_Ada", "externalId": "X1", "userName": "Ada@Acme.test", "active": true, "title": "Head of \"It\" 100%", "nickName": "Straße",
	"name": {"givenName": "Ada", "familyName": "O'Malley"},
	"emails": [{"value": "ada@acme.test", "type": "work", "primary": true}, {"value": "ada@home.test", "type": "home"}],
	"roles": [{"value": "{\"id\":\"25\"}"}],
	"groups": [{"value": "tea_1", "display": "Support", "type": "direct"}],
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "R&D", "employeeNumber": "701984", "manager": {"value": "ppl_Boss"}},
	"meta": {"resourceType": "User", "created": "2026-11-22T10:00:00Z", "lastModified": "2026-11-22T11:00:00.5Z", "version": "W/\"2\"", "location": "https://acme.test/v1/scim/v2/Users/ppl_Ada"}}`)

func mustDecode(s string) scim.Resource {
	r, err := scim.Decode([]byte(s))
	if err != nil {
		panic(err)
	}
	return r
}

func TestMatch(t *testing.T) {
	const core, ent = "urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	for _, c := range []struct {
		filter string
		want   bool
	}{
		{`userName eq "ada@acme.test"`, true},
		{`USERNAME EQ "ADA@ACME.TEST"`, true},
		{`userName eq ada@acme.test`, true},
		{`userName eq"ada@acme.test"`, true},
		{core + `:userName sw "ADA"`, true},
		{strings.ToUpper(core) + `:name.familyName co "malley"`, true},
		{`externalId eq "x1"`, false},
		{`externalId eq X1`, true},
		{`id eq "ppl_ada"`, false},
		{`nickName eq "STRASSE"`, true},
		{`nickName ew "ße"`, true},
		{`title co "\"it\" 100%"`, true},
		{`title co "%"`, true},
		{`title co "_"`, false},
		{`title ne "x"`, true},
		{`displayName ne "x"`, true},
		{`displayName eq null`, true},
		{`displayName ne null`, false},
		{`displayName pr`, false},
		{`active eq true`, true},
		{`active eq "True"`, true},
		{`active ne false`, true},
		{`emails eq "ADA@home.test"`, true},
		{`email co "@home."`, true},
		{`emails.type eq "work"`, true},
		{`emails.type ne "work"`, false},
		{`emails.type ne "fax"`, true},
		{`emails[type eq "work"]`, true},
		{`emails[type eq "work"].value eq "ada@acme.test"`, true},
		{`emails[type eq "home"].value eq "ada@acme.test"`, false},
		{`emails[type eq "home"].value ne "ada@acme.test"`, true},
		{`emails[primary eq "True" and not (type eq "home")].value pr`, true},
		{`emails[type eq "other"] or active eq true`, true},
		{`not (emails[type eq "other"])`, true},
		{`not(active eq true)`, false},
		{`active eq false or active eq true and title pr`, true},
		{`(active eq false or active eq true) and displayName pr`, false},
		{`manager eq "ppl_Boss"`, true},
		{`manager.value eq "ppl_boss"`, false},
		{`manager[value eq "ppl_Boss"]`, true},
		{ent + `:department eq "r&d"`, true},
		{ent + `:manager.value pr`, true},
		{`employeeNumber eq 701984`, true},
		{`department gt "q" and department lt "s"`, true},
		{`groups eq "tea_1"`, true},
		{`groups.display eq "support"`, true},
		{`roles.value co "\"25\""`, true},
		{`schemas eq "` + ent + `"`, true},
		{`meta.resourceType eq "User"`, true},
		{`meta.lastModified gt "2026-11-22T11:00:00Z"`, true},
		{`meta.lastModified eq "2026-11-22T12:00:00.500+01:00"`, true},
		{`meta.created le "2026-11-22T10:00:00Z"`, true},
		{`meta.version eq "W/\"2\""`, true},
		{`name pr`, true},
		{`addresses pr`, false},
		{`  userName   pr  `, true},
	} {
		e, err := scim.Users().ParseFilter(c.filter)
		if err != nil {
			t.Errorf("%s: %v", c.filter, err)
			continue
		}
		if got := scim.Match(e, ada); got != c.want {
			t.Errorf("%s: %v, want %v", c.filter, got, c.want)
		}
	}
}

func TestFiltersThatAreRefused(t *testing.T) {
	deep := strings.Repeat("(", 61) + "title pr" + strings.Repeat(")", 61)
	for _, c := range []struct{ name, filter string }{
		{"nothing", ``},
		{"an unknown attribute", `nonsense eq "x"`},
		{"an unknown part", `name.nonsense eq "x"`},
		{"an unknown URN", `urn:no:such:User:userName eq "x"`},
		{"an unknown operator", `userName xx "x"`},
		{"no operator", `userName`},
		{"no value", `userName eq`},
		{"a value in single quotes", `userName eq 'x'`},
		{"an open quote", `userName eq "x`},
		{"a bad escape", `userName eq "a\jb"`},
		{"two bare words", `displayName eq Ada Lovelace`},
		{"an open bracket", `(userName pr`},
		{"a bracket too many", `userName pr)`},
		{"an open value filter", `emails[type eq "work"`},
		{"an empty value filter", `emails[]`},
		{"a value filter in a value filter", `emails[type[value eq "x"]]`},
		{"a value filter on a simple attribute", `userName[value eq "x"]`},
		{"an unknown part in a value filter", `emails[nonsense eq "x"]`},
		{"an unknown part after a value filter", `emails[type eq "work"].nonsense eq "x"`},
		{"a word without a partner", `userName pr and`},
		{"not without brackets", `not userName pr`},
		{"order of booleans", `active gt true`},
		{"order of certificates", `x509Certificates.value lt "a"`},
		{"part of a boolean", `active co "t"`},
		{"part of a time", `meta.created sw "2026"`},
		{"a boolean that is none", `active eq "maybe"`},
		{"a time that is none", `meta.created gt "yesterday"`},
		{"order of null", `title gt null`},
		{"a complex attribute without a value", `name eq "x"`},
		{"a password", `password eq "x"`},
		{"a NUL", "userName eq \"a\\u0000\""},
		{"bytes that are no text", "userName eq \"\xff\""},
		{"a whole extension", `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr`},
		{"too deep", deep},
		{"too long", `title eq "` + strings.Repeat("x", 10_000) + `"`},
		{"too many comparisons", strings.Repeat("a pr or ", 1) + strings.Repeat("title pr or ", 200) + "title pr"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := scim.Users().ParseFilter(c.filter); !errors.Is(err, fault.New(fault.Invalid, scim.InvalidFilter, "")) {
				t.Errorf("%v, want invalidFilter", err)
			}
		})
	}
}

func TestDepthAndTermsAtTheLimitAreAccepted(t *testing.T) {
	for _, f := range []string{
		strings.Repeat("(", 60) + "title pr" + strings.Repeat(")", 60),
		strings.Repeat("title pr or ", 199) + "title pr",
	} {
		if _, err := scim.Users().ParseFilter(f); err != nil {
			t.Error(err)
		}
	}
}

func TestPrecedence(t *testing.T) {
	e, err := scim.Users().ParseFilter(`title pr or nickName pr and not (locale pr or active eq true)`)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := shape(e), "(title | (nickName & !(locale | active)))"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func shape(e scim.Expr) string {
	join := func(all []scim.Expr, by string) string {
		parts := make([]string, len(all))
		for i, x := range all {
			parts[i] = shape(x)
		}
		return "(" + strings.Join(parts, by) + ")"
	}
	switch e := e.(type) {
	case scim.And:
		return join(e, " & ")
	case scim.Or:
		return join(e, " | ")
	case scim.Not:
		return "!" + shape(e.X)
	case scim.Compare:
		return e.Path.Attr.Name
	}
	return fmt.Sprintf("%T", e)
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{
		`userName eq "x"`, `emails[type eq "work" and value co "@"].value sw "a" or not (title pr)`, `members[value eq"1"]`, `a eq 1 and (b pr)`,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq "x"`, `meta.created ge "2026-01-01T00:00:00Z"`, `((((`, `title eq "\ud800"`,
	} {
		f.Add(s)
	}
	users := scim.Users()
	f.Fuzz(func(t *testing.T, text string) {
		e, err := users.ParseFilter(text)
		if err != nil {
			if !errors.Is(err, fault.New(fault.Invalid, scim.InvalidFilter, "")) {
				t.Fatalf("%q: %v is not invalidFilter", text, err)
			}
			return
		}
		if scim.Match(e, ada) == scim.Match(scim.Not{X: e}, ada) {
			t.Errorf("%q and its opposite agree", text)
		}
	})
}
