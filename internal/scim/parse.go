package scim

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// ParseFilter reads a filter (RFC 7644 §3.4.2.2) for this resource type. Names, operators and words are read in any letter case; a value may
// be a bare word; "emails" stands for emails.value, "email" for emails, quoted booleans for booleans. Everything else is invalidFilter.
func (rt *ResourceType) ParseFilter(text string) (Expr, error) {
	if err := filterSize(text); err != nil {
		return nil, err
	}
	p := &parser{rt: rt, text: text}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.blanks(); p.pos < len(p.text) {
		return nil, p.wrong("the filter should end there")
	}
	return e, nil
}

// ParsePath reads an attribute path of PATCH (RFC 7644 Figure 7). Malformed or unknown is invalidPath, a bad filter in it invalidFilter.
func (rt *ResourceType) ParsePath(text string) (Path, error) {
	text = strings.TrimSpace(text)
	if err := filterSize(text); err != nil {
		return Path{}, err
	}
	p := &parser{rt: rt, text: text, forPath: true}
	name := p.name()
	path, ok := rt.Resolve(name)
	if !ok {
		return Path{}, invalid(InvalidPath, "There is no attribute %s.", shown(text))
	}
	if p.opens() {
		var err error
		if path, err = p.valuePath(path); err != nil {
			return Path{}, err
		}
	}
	if p.pos < len(p.text) {
		return Path{}, invalid(InvalidPath, "The path %s is malformed.", shown(text))
	}
	return path, nil
}

func filterSize(text string) error {
	if !Storable(text) {
		return invalid(InvalidFilter, "The filter is not text: it holds a NUL or is not UTF-8.")
	}
	if utf8.RuneCountInString(text) > MaxFilterLength {
		return invalid(InvalidFilter, "The filter is longer than %d characters.", MaxFilterLength)
	}
	return nil
}

// parser is a recursive descent over the grammar of RFC 7644 Figure 1.
type parser struct {
	rt      *ResourceType
	inside  *Attribute // the attribute whose value filter is read; nil outside
	forPath bool       // a PATCH path is read: what is wrong outside of brackets is invalidPath
	text    string
	pos     int
	depth   int
	terms   int
}

func (p *parser) or() (Expr, error) {
	return p.chain("or", p.and, func(x []Expr) Expr { return Or(x) })
}

func (p *parser) and() (Expr, error) {
	return p.chain("and", p.factor, func(x []Expr) Expr { return And(x) })
}

// chain reads one or more of next with word between them.
func (p *parser) chain(word string, next func() (Expr, error), join func([]Expr) Expr) (Expr, error) {
	first, err := next()
	if err != nil {
		return nil, err
	}
	all := []Expr{first}
	for p.takeWord(word) {
		e, err := next()
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	if len(all) == 1 {
		return first, nil
	}
	return join(all), nil
}

// factor reads a comparison, a filter in parentheses, or not with a filter in parentheses.
func (p *parser) factor() (Expr, error) {
	p.blanks()
	start := p.pos
	if p.takeWord("not") {
		p.blanks()
		if p.peek() == '(' {
			e, err := p.group('(', ')')
			return Not{e}, err
		}
		p.pos = start
	}
	if p.peek() == '(' {
		return p.group('(', ')')
	}
	return p.comparison()
}

func (p *parser) group(open, shut byte) (Expr, error) {
	if p.depth++; p.depth > MaxFilterDepth {
		return nil, invalid(InvalidFilter, "The filter is nested more than %d deep.", MaxFilterDepth)
	}
	p.pos++ // open, seen by the caller
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.blanks(); p.peek() != shut {
		return nil, p.wrong("%q has no matching %q", open, shut)
	}
	p.pos++
	p.depth--
	return e, nil
}

func (p *parser) comparison() (Expr, error) {
	if p.terms++; p.terms > MaxFilterTerms {
		return nil, invalid(InvalidFilter, "The filter has more than %d comparisons.", MaxFilterTerms)
	}
	path, err := p.target()
	if err != nil {
		return nil, err
	}
	p.blanks()
	start := p.pos
	word := p.word()
	op, known := operators[strings.ToLower(word)]
	if !known {
		p.pos = start
		if path.Where != nil && (word == "" || strings.EqualFold(word, "and") || strings.EqualFold(word, "or")) {
			return Compare{Path: path, Op: Present}, nil // emails[type eq "work"] by itself
		}
		return nil, p.wrong("an operator should stand there (eq, ne, co, sw, ew, gt, ge, lt, le, pr)")
	}
	if op == Present {
		return Compare{Path: path, Op: op}, nil
	}
	return p.against(path, op)
}

// against reads the value and gives it the type of the path's attribute.
func (p *parser) against(path Path, op Op) (Expr, error) {
	lit, err := p.value()
	if err != nil {
		return nil, err
	}
	leaf := path.leaf()
	if leaf.Type == Complex { // a bare complex name means its value
		v := leaf.sub("value")
		if v == nil {
			return nil, invalid(InvalidFilter, "%s has no value of its own; name one of its parts.", leaf.Name)
		}
		path.Sub, leaf = v, v
	}
	v, err := bind(leaf, op, lit)
	return Compare{Path: path, Op: op, Value: v}, err
}

// target reads the attribute of a comparison, with its value filter if there is one.
func (p *parser) target() (Path, error) {
	name := p.name()
	if name == "" {
		return Path{}, p.wrong("an attribute should stand there")
	}
	path, err := p.resolve(name)
	if err != nil {
		return Path{}, err
	}
	if p.opens() {
		return p.valuePath(path)
	}
	return path, nil
}

func (p *parser) resolve(name string) (Path, error) {
	if p.inside != nil {
		if s := p.inside.sub(name); s != nil {
			return Path{Sub: s}, nil
		}
		return Path{}, invalid(InvalidFilter, "%s has no part %s.", p.inside.Name, shown(name))
	}
	if strings.EqualFold(name, "email") && p.rt.Attr("email") == nil {
		name = "emails"
	}
	path, ok := p.rt.Resolve(name)
	if !ok || path.Attr == nil {
		return Path{}, invalid(InvalidFilter, "There is no attribute %s to filter by.", shown(name))
	}
	if path.leaf().Returned == Never {
		return Path{}, invalid(InvalidFilter, "%s cannot be filtered by.", path.leaf().Name)
	}
	return path, nil
}

// valuePath reads a value filter in brackets, and the sub-attribute after it if there is one.
func (p *parser) valuePath(path Path) (Path, error) {
	if p.inside != nil || path.Attr == nil || path.Sub != nil || path.Attr.Type != Complex {
		return Path{}, p.wrong("a value filter can only follow an attribute with parts")
	}
	p.inside = path.Attr
	where, err := p.group('[', ']')
	p.inside = nil
	if err != nil {
		return Path{}, err
	}
	path.Where = where
	if p.peek() == '.' {
		p.pos++
		name := p.name()
		if path.Sub = path.Attr.sub(name); path.Sub == nil {
			return Path{}, invalid(p.code(), "%s has no part %s.", path.Attr.Name, shown(name))
		}
	}
	return path, nil
}

// value reads what an attribute is compared with.
func (p *parser) value() (literal, error) {
	p.blanks()
	if p.peek() == '"' {
		return p.quoted()
	}
	start := p.pos
	for p.pos < len(p.text) && !strings.ContainsRune(" \t\r\n()[]\"", rune(p.text[p.pos])) {
		p.pos++
	}
	word := p.text[start:p.pos]
	if word == "" || word[0] == '\'' {
		p.pos = start
		return literal{}, p.wrong("a value in double quotes should stand there")
	}
	return literal{text: word, null: strings.EqualFold(word, "null")}, nil
}

// quoted reads a JSON string.
func (p *parser) quoted() (literal, error) {
	start := p.pos
	for i := start + 1; i < len(p.text); i++ {
		switch p.text[i] {
		case '\\':
			i++
		case '"':
			var s string
			if err := json.Unmarshal([]byte(p.text[start:i+1]), &s); err != nil {
				return literal{}, p.wrong("the text in quotes is not a JSON string")
			}
			p.pos = i + 1
			return literal{text: s}, nil
		}
	}
	return literal{}, p.wrong("a closing quote is missing")
}

func (p *parser) peek() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

// opens says whether a value filter follows, and skips the blanks before it.
func (p *parser) opens() bool {
	start := p.pos
	p.blanks()
	if p.peek() == '[' {
		return true
	}
	p.pos = start
	return false
}

func (p *parser) blanks() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// name reads an attribute name with URN, dots and "$ref".
func (p *parser) name() string {
	start := p.pos
	for p.pos < len(p.text) && (letter(p.text[p.pos]) || strings.IndexByte("0123456789_-$.:", p.text[p.pos]) >= 0) {
		p.pos++
	}
	return p.text[start:p.pos]
}

// word reads letters only, so that eq"x" is an operator and a value.
func (p *parser) word() string {
	start := p.pos
	for p.pos < len(p.text) && letter(p.text[p.pos]) {
		p.pos++
	}
	return p.text[start:p.pos]
}

// takeWord skips blanks and a whole word, if it stands there.
func (p *parser) takeWord(word string) bool {
	start := p.pos
	p.blanks()
	if got := p.name(); strings.EqualFold(got, word) {
		return true
	}
	p.pos = start
	return false
}

func letter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func (p *parser) code() string {
	if p.forPath && p.inside == nil {
		return InvalidPath
	}
	return InvalidFilter
}

func (p *parser) wrong(format string, args ...any) error {
	return invalid(p.code(), "At character %d: "+format+".", append([]any{utf8.RuneCountInString(p.text[:p.pos]) + 1}, args...)...)
}

// shown is a client's word as a sentence may repeat it: quoted and short.
func shown(s string) string {
	if r := []rune(s); len(r) > 80 {
		s = string(r[:80]) + "…"
	}
	b, _ := json.Marshal(s)
	return string(b)
}
