package provisioning

import "strings"

// membersMost is how many people of a team's change can be found by their id.
const membersMost = 50

// members are the ids of the people whom a change of a team names, as the request has them.
func (e *Entry) members() []string {
	if e.Kind != Team || e.Body == nil || e.Added+e.Removed+e.Unknown == 0 {
		return nil
	}
	var out []string
	for name, v := range e.Body {
		switch strings.ToLower(name) {
		case "members":
			out = named(out, v)
		case "operations":
			list, _ := v.([]any)
			for _, o := range list {
				if m, ok := o.(map[string]any); ok {
					out = ofOperation(out, m)
				}
			}
		}
	}
	return out
}

// ofOperation adds the people whom one PATCH operation names: in its value, or in its path as members[value eq "id"].
func ofOperation(out []string, op map[string]any) []string {
	path, value := "", any(nil)
	for name, v := range op {
		switch strings.ToLower(name) {
		case "path":
			path, _ = v.(string)
		case "value":
			value = v
		}
	}
	if path == "" {
		if m, ok := value.(map[string]any); ok {
			return named(out, m["members"])
		}
		return out
	}
	if root(path) != "members" {
		return out
	}
	if _, rest, ok := strings.Cut(path, `"`); ok {
		if id, _, ok := strings.Cut(rest, `"`); ok {
			out = one(out, id)
		}
	}
	return named(out, value)
}

// named adds the ids in a list of members: objects with a value, or the ids themselves.
func named(out []string, v any) []string {
	switch v := v.(type) {
	case string:
		return one(out, v)
	case map[string]any:
		id, _ := v["value"].(string)
		return one(out, id)
	case []any:
		for _, e := range v {
			if len(out) >= membersMost {
				break
			}
			out = named(out, e)
		}
	}
	return out
}

func one(out []string, id string) []string {
	if id = clip(id, 100); id == "" || len(out) >= membersMost {
		return out
	}
	return append(out, id)
}

// only is the id of a single one; "" for none or more.
func only(ids []string) string {
	if len(ids) == 1 {
		return ids[0]
	}
	return ""
}
