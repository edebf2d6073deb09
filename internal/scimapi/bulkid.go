package scimapi

import "strings"

// reference is the name in "bulkId:name" (RFC 7644 §3.7.2).
func reference(s string) (string, bool) {
	const prefix = "bulkId:"
	if len(s) <= len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

// references are all names that a value refers to.
func references(v any) []string {
	var names []string
	switch v := v.(type) {
	case string:
		if name, ok := reference(v); ok {
			names = append(names, name)
		}
	case []any:
		for _, e := range v {
			names = append(names, references(e)...)
		}
	case map[string]any:
		for _, e := range v {
			names = append(names, references(e)...)
		}
	}
	return names
}

// substitute puts the ids in the place of the references that are known.
func substitute(v any, ids map[string]string) any {
	switch v := v.(type) {
	case string:
		if name, ok := reference(v); ok && ids[name] != "" {
			return ids[name]
		}
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = substitute(e, ids)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = substitute(e, ids)
		}
		return out
	}
	return v
}

// strip is substitute that leaves out what refers to something unknown: the string itself, and the object it is a member of.
func strip(v any, ids map[string]string) any {
	switch v := v.(type) {
	case string:
		if name, ok := reference(v); ok {
			if ids[name] == "" {
				return nil
			}
			return ids[name]
		}
	case []any:
		out := []any{}
		for _, e := range v {
			if e = strip(e, ids); e != nil {
				out = append(out, e)
			}
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			s, isText := e.(string)
			name, refers := reference(s)
			if isText && refers && ids[name] == "" {
				return nil
			}
			if e = strip(e, ids); e != nil {
				out[k] = e
			}
		}
		return out
	}
	return v
}
