package scimapi

import (
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/scim"
)

// query holds the parameters of a request by their names in lower case; those that SCIM does not know are ignored.
type query map[string][]string

// parseQuery reads a query string as browsers and directories write it: "+" is a blank, empty and dangling parts are nothing. net/url would drop
// what it cannot decode, and a list without its filter would then show everybody.
func parseQuery(raw string) (query, error) {
	q := query{}
	for part := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err != nil || err2 != nil {
			return nil, fault.New(fault.Invalid, scim.InvalidSyntax, "The query string is not well encoded.")
		}
		if name != "" {
			name = strings.ToLower(name)
			q[name] = append(q[name], value)
		}
	}
	return q, nil
}

func (q query) has(name string) bool { return len(q[strings.ToLower(name)]) > 0 }

func (q query) first(name string) string {
	if all := q[strings.ToLower(name)]; len(all) > 0 {
		return all[0]
	}
	return ""
}

func (t *endpoint) projection(q query) scim.Projection {
	return t.rt.ParseProjection(q["attributes"], q["excludedattributes"])
}

// search reads the parameters of a list (RFC 7644 §3.4.2, RFC 9865 §2).
func (t *endpoint) search(q query) (directory.Query, error) {
	out := directory.Query{Projection: t.projection(q), ByCursor: q.has("cursor"), Cursor: q.first("cursor")}
	if err := t.filter(q, &out); err != nil {
		return out, err
	}
	if err := t.sort(q, &out); err != nil {
		return out, err
	}
	wrong := scim.InvalidValue
	if out.ByCursor {
		wrong = scim.InvalidCount
	}
	var err error
	if out.Count, err = q.number("count", directory.PageDefault, wrong); err != nil {
		return out, err
	}
	out.Start, err = q.number("startIndex", 1, scim.InvalidValue)
	return out, err
}

func (t *endpoint) filter(q query, out *directory.Query) (err error) {
	if !q.has("filter") {
		return nil
	}
	if len(q["filter"]) > 1 {
		return fault.New(fault.Invalid, scim.InvalidFilter, "There may be only one filter.")
	}
	out.Said = q.first("filter")
	out.Filter, err = t.rt.ParseFilter(out.Said)
	return err
}

func (t *endpoint) sort(q query, out *directory.Query) error {
	if q.first("sortBy") == "" {
		return nil
	}
	path, err := t.rt.ParseSort(q.first("sortBy"))
	if err != nil {
		return err
	}
	out.SortBy, out.SortSaid = &path, strings.ToLower(q.first("sortBy"))
	switch order := q.first("sortOrder"); {
	case order == "", strings.EqualFold(order, "ascending"):
	case strings.EqualFold(order, "descending"):
		out.Descending = true
	default:
		return fault.New(fault.Invalid, scim.InvalidValue, "sortOrder is ascending or descending.")
	}
	return nil
}

// number is an integer parameter; one too large for an int is as large as possible.
func (q query) number(name string, absent int, wrong string) (int, error) {
	s := strings.TrimSpace(q.first(name))
	if s == "" {
		return absent, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fault.New(fault.Invalid, wrong, "").Saying("%s is a whole number.", name)
	}
	return n, nil
}

// searchRequest gives the members of a SearchRequest (RFC 7644 §3.4.3) the form of a query string.
func searchRequest(body map[string]any) (query, error) {
	q := query{}
	for name, v := range body {
		name = strings.ToLower(name)
		switch name {
		case "attributes", "excludedattributes", "filter", "sortby", "sortorder", "startindex", "count", "cursor":
		default:
			continue
		}
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, e := range list {
			switch e := e.(type) {
			case nil:
			case string:
				q[name] = append(q[name], e)
			case interface{ String() string }: // a number
				q[name] = append(q[name], e.String())
			default:
				return nil, fault.New(fault.Invalid, scim.InvalidSyntax, "").Saying("%s is not what a SearchRequest holds.", name)
			}
		}
	}
	return q, nil
}
