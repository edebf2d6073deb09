package scimapi_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// step is one step of the paths that the recordings use: .name, ['name'], [n], [*] and [?(@.name==value)].
var step = regexp.MustCompile(`^(?:\.([A-Za-z_$][\w$-]*)|\['([^']+)'\]|\[(\d+)\]|\[\*\]|\[\?\(@\.([\w$]+)==('([^']*)'|true|false|\d+)\)\])`)

// find gives all values at a path.
func find(doc any, path string) ([]any, error) {
	rest, ok := strings.CutPrefix(path, "$")
	if !ok {
		return nil, fmt.Errorf("path %s", path)
	}
	found := []any{doc}
	for rest != "" {
		m := step.FindStringSubmatch(rest)
		if m == nil {
			return nil, fmt.Errorf("path %s at %s", path, rest)
		}
		rest = rest[len(m[0]):]
		var next []any
		for _, v := range found {
			next = append(next, take(v, m)...)
		}
		found = next
	}
	return found, nil
}

func take(v any, m []string) []any {
	name := m[1] + m[2]
	list, _ := v.([]any)
	switch {
	case name != "":
		if o, ok := v.(map[string]any); ok {
			if x, ok := o[name]; ok {
				return []any{x}
			}
		}
		return nil
	case m[3] != "":
		var n int
		_, _ = fmt.Sscan(m[3], &n)
		if n < len(list) {
			return []any{list[n]}
		}
		return nil
	case m[4] == "":
		return list
	}
	var want any = m[6]
	if !strings.HasPrefix(m[5], "'") {
		_ = json.Unmarshal([]byte(m[5]), &want)
	}
	var out []any
	for _, e := range list {
		if o, ok := e.(map[string]any); ok && reflect.DeepEqual(o[m[4]], want) {
			out = append(out, e)
		}
	}
	return out
}

// expectation is what a recording says of an answer.
type expectation struct {
	JSONPath string `json:"jsonpath"`
	Op       string `json:"op"`
	Value    any    `json:"value"`
}

// holds checks an expectation against the values at its path.
func (e expectation) holds(values []any) bool {
	some := func(f func(any) bool) bool {
		for _, v := range values {
			if f(v) {
				return true
			}
		}
		return false
	}
	same := func(v any) bool { return reflect.DeepEqual(v, e.Value) }
	text, _ := e.Value.(string)
	var one any
	if len(values) > 0 {
		one = values[0]
	}
	switch e.Op {
	case "eq":
		return some(same)
	case "ieq":
		return some(func(v any) bool { s, ok := v.(string); return ok && strings.EqualFold(s, text) })
	case "ne":
		return !some(same)
	case "exists":
		return some(func(v any) bool { return v != nil })
	case "absent":
		return !some(func(v any) bool { return !empty(v) })
	case "contains":
		return some(func(v any) bool { return contains(v, e.Value) }) || strings.Contains(e.JSONPath, "[*]") && some(same)
	case "not_contains":
		return !some(func(v any) bool { return contains(v, e.Value) || same(v) })
	case "len":
		n, _ := e.Value.(float64)
		if strings.Contains(e.JSONPath, "[?") || strings.Contains(e.JSONPath, "[*]") {
			return len(values) == int(n)
		}
		return length(one) == int(n)
	case "gte", "lte":
		got, ok := one.(float64)
		want, _ := e.Value.(float64)
		return ok && (e.Op == "gte" && got >= want || e.Op == "lte" && got <= want)
	case "type":
		return hasType(one, text)
	case "matches":
		re := regexp.MustCompile(text)
		return some(func(v any) bool { s, ok := v.(string); return ok && re.MatchString(s) })
	case "one_of":
		return some(func(v any) bool { return contains(e.Value, v) })
	}
	return false
}

func empty(v any) bool {
	return v == nil || v == "" || v != true && v != false && length(v) == 0 && !isNumber(v)
}

func isNumber(v any) bool { _, ok := v.(float64); return ok }

func contains(v, part any) bool {
	switch v := v.(type) {
	case string:
		s, ok := part.(string)
		return ok && strings.Contains(v, s)
	case []any:
		for _, e := range v {
			if reflect.DeepEqual(e, part) {
				return true
			}
		}
	}
	return false
}

func length(v any) int {
	switch v := v.(type) {
	case string:
		return len([]rune(v))
	case []any:
		return len(v)
	case map[string]any:
		return len(v)
	}
	return 0
}

func hasType(v any, name string) bool {
	switch name {
	case "integer":
		f, ok := v.(float64)
		return ok && f == float64(int64(f))
	case "string":
		_, ok := v.(string)
		return ok
	case "boolean":
		_, ok := v.(bool)
		return ok
	case "array":
		_, ok := v.([]any)
		return ok
	case "object":
		_, ok := v.(map[string]any)
		return ok
	}
	return false
}
