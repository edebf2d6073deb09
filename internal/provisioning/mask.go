package provisioning

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// What a masked body shows: values of attributes that the console shows anyway. Of every other attribute only the name is kept.
var shown = set("schemas", "id", "externalid", "username", "displayname", "nickname", "name", "formatted", "givenname", "familyname", "middlename",
	"honorificprefix", "honorificsuffix", "active", "emails", "title", "usertype", "department", "division", "organization", "costcenter", "manager",
	"groups", "members", "roles", "entitlements", "preferredlanguage", "locale", "timezone", "meta", "resourcetype", "location", "created", "lastmodified",
	"version", "value", "type", "primary", "display", "$ref", "operations", "op", "path", "method", "bulkid", "data", "status", "scimtype", "detail",
	"response", "failonerrors", "totalresults", "itemsperpage", "startindex", "nextcursor", "filter", "count", "sortby", "sortorder", "attributes",
	"excludedattributes", "cursor")

// personal are attributes whose parts are not shown either, but for what kind each is.
var personal = set("phonenumbers", "addresses", "photos", "ims", "x509certificates", "profileurl", "employeenumber")

const (
	hidden  = "•••"
	removed = "[removed]"

	bodyMost   = 48 << 10 // bytes of a masked body
	listMost   = 50       // elements of a list in it
	stringMost = 500
)

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// spelled are names as nearly every client writes them, in lower case: they need not be looked into.
var spelled = func() map[string]string {
	m := map[string]string{}
	for _, name := range []string{"schemas", "id", "externalId", "userName", "displayName", "nickName", "name", "formatted", "givenName", "familyName", "active", "emails",
		"title", "userType", "members", "groups", "roles", "meta", "resourceType", "location", "created", "lastModified", "version", "value", "type", "primary", "display",
		"$ref", "Operations", "op", "path", "department", "manager", "phoneNumbers", "addresses", "locale", "status", "scimType", "detail"} {
		m[name] = strings.ToLower(name)
	}
	return m
}()

// secret says whether an attribute is a password or a token by its name.
func secret(name string) bool {
	if spelled[name] != "" {
		return false
	}
	name = strings.ToLower(name)
	for _, part := range []string{"password", "passwd", "passphrase", "secret", "token", "apikey", "api_key", "credential", "privatekey", "private_key", "authorization"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// secretText says whether a value is one of our tokens, or a bearer token, wherever it stands.
func secretText(s string) bool {
	return len(s) > 12 && (strings.Contains(s, "cs_scim_") || len(s) > 20 && strings.EqualFold(s[:7], "bearer "))
}

// maskedBody is a JSON value with what must not be shown masked; nil for none.
func maskedBody(v any) *string {
	if v == nil {
		return nil
	}
	if m, ok := v.(map[string]any); ok && m == nil {
		return nil
	}
	w := masker{dst: make([]byte, 0, 512)}
	w.value(v, true, "")
	s := string(w.dst)
	return &s
}

// masker writes JSON, masked.
type masker struct{ dst []byte }

// value writes v; open says that its attribute is shown. under is the attribute that it is part of, in lower case.
func (w *masker) value(v any, open bool, under string) {
	if len(w.dst) > bodyMost {
		w.string("…")
		return
	}
	switch v := v.(type) {
	case nil:
		w.dst = append(w.dst, "null"...)
	case bool:
		w.dst = append(w.dst, map[bool]string{true: "true", false: "false"}[v]...)
	case map[string]any:
		w.object(v, open, under)
	case []any:
		w.list(v, open, under)
	case string:
		switch {
		case secretText(v):
			w.string(removed)
		case !open && v != "":
			w.string(hidden)
		default:
			w.string(v)
		}
	default:
		if !open {
			w.string(hidden)
			return
		}
		w.other(v)
	}
}

func (w *masker) other(v any) {
	switch v := v.(type) {
	case json.Number:
		if _, err := v.Float64(); err == nil {
			w.dst = append(w.dst, v...)
			return
		}
		w.string(v.String())
	default:
		b, err := json.Marshal(v)
		if err != nil {
			b = []byte("null")
		}
		w.dst = append(w.dst, b...)
	}
}

func (w *masker) list(v []any, open bool, under string) {
	w.dst = append(w.dst, '[')
	for i, e := range v {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		if i == listMost {
			w.string(fmt.Sprintf("… and %d more", len(v)-listMost))
			break
		}
		w.value(e, open, under)
	}
	w.dst = append(w.dst, ']')
}

func (w *masker) object(m map[string]any, open bool, under string) {
	path, isOperation := operationPath(m)
	w.dst = append(w.dst, '{')
	for i, name := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		w.string(clip(name, 200))
		w.dst = append(w.dst, ':')
		attr := root(name)
		switch {
		case secret(name) || isOperation && secret(path) && !names(name):
			w.string(removed)
		case isOperation && strings.EqualFold(name, "value") && path != "":
			w.value(m[name], shown[path], path)
		case personal[under]:
			w.value(m[name], attr == "type" || attr == "primary", under)
		case personal[attr]:
			w.value(m[name], false, attr)
		case len(name) > 4 && strings.EqualFold(name[:4], "urn:") && isObject(m[name]):
			w.value(m[name], true, "")
		default:
			w.value(m[name], open && shown[attr], attr)
		}
	}
	w.dst = append(w.dst, '}')
}

func isObject(v any) bool { _, ok := v.(map[string]any); return ok }

// operationPath is the attribute that a PATCH operation names, in lower case; "" where it names none.
func operationPath(m map[string]any) (string, bool) {
	var path string
	has := false
	for name, v := range m {
		switch {
		case len(name) == 2 && strings.EqualFold(name, "op"):
			has = true
		case len(name) == 4 && strings.EqualFold(name, "path"):
			path, _ = v.(string)
		}
	}
	if path == "" {
		return "", has
	}
	return leaf(path), has
}

// names says whether a member of an operation tells what is done, to what. Of an operation on a password nothing else is kept: a client may have
// misspelled "value".
func names(member string) bool {
	return strings.EqualFold(member, "op") || strings.EqualFold(member, "path")
}

// leaf is the attribute whose value a path names, as far as masking asks: its root, or a root that is personal or secret anywhere in it.
func leaf(path string) string {
	r := root(path)
	if secret(path) {
		return "password"
	}
	return r
}

// root is the first attribute of a path, in lower case, without the URN of its schema and without a filter.
func root(path string) string {
	if lower := spelled[path]; lower != "" {
		return lower
	}
	if len(path) > 4 && strings.EqualFold(path[:4], "urn:") {
		if i := strings.LastIndexByte(head(path, '['), ':'); i >= 0 {
			path = path[i+1:]
		}
	}
	return strings.ToLower(head(head(path, '['), '.'))
}

func head(s string, c byte) string {
	if i := strings.IndexByte(s, c); i >= 0 {
		return s[:i]
	}
	return s
}

func (w *masker) string(s string) {
	s = cut(s)
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			b, err := json.Marshal(s)
			if err != nil {
				b = []byte(`""`)
			}
			w.dst = append(w.dst, b...)
			return
		}
	}
	w.dst = append(append(append(w.dst, '"'), strings.ToValidUTF8(s, "")...), '"')
}

func cut(s string) string {
	if len(s) > stringMost {
		return strings.ToValidUTF8(s[:stringMost], "") + "…"
	}
	return s
}

// clean gives the body as it was sent, or, where it holds a password or a token, the same without them.
func clean(raw []byte, body map[string]any) []byte {
	if body == nil || !dirty(body) {
		return raw
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(cleaned(body)); err != nil {
		return nil
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// dirty says whether a password or a token stands anywhere in v.
func dirty(v any) bool {
	switch v := v.(type) {
	case string:
		return secretText(v)
	case []any:
		return slices.ContainsFunc(v, dirty)
	case map[string]any:
		path, isOperation := operationPath(v)
		for name, e := range v {
			if secret(name) || isOperation && secret(path) || dirty(e) {
				return true
			}
		}
	}
	return false
}

func cleaned(v any) any {
	switch v := v.(type) {
	case string:
		if secretText(v) {
			return removed
		}
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = cleaned(e)
		}
		return out
	case map[string]any:
		path, isOperation := operationPath(v)
		out := make(map[string]any, len(v))
		for name, e := range v {
			switch {
			case secret(name):
			case isOperation && secret(path) && !names(name):
				out[name] = removed
			default:
				out[name] = cleaned(e)
			}
		}
		return out
	}
	return v
}
