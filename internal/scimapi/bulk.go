package scimapi

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/scim"
)

// maxBulk is how many operations one bulk request may hold.
const maxBulk = 1000

// bulkOperation is one operation of a bulk request (RFC 7644 §3.7).
type bulkOperation struct {
	method, path, bulkID, version string
	data                          map[string]any
}

// bulkResult is what became of it; the status is a string.
type bulkResult struct {
	Method   string     `json:"method"`
	BulkID   string     `json:"bulkId,omitempty"`
	Version  string     `json:"version,omitempty"`
	Location string     `json:"location,omitempty"`
	Status   string     `json:"status"`
	Response *errorBody `json:"response,omitempty"`
}

// bulk runs the operations one by one, each a transaction of its own. References (bulkId:x) wait for the operation that they name.
func (a *API) bulk(c *call) error {
	ops, most, err := parseBulk(c.body)
	if err != nil {
		return err
	}
	b := &bulkRun{a: a, c: c, ops: ops, most: most, ids: map[string]string{}, failed: map[string]bool{}, named: map[string]bool{},
		results: make([]*bulkResult, len(ops))}
	made := map[string]bool{}
	for _, op := range ops {
		makes := op.method == http.MethodPost && op.bulkID != ""
		b.twin = append(b.twin, makes && made[op.bulkID])
		if makes {
			made[op.bulkID] = true
		}
		if op.bulkID != "" {
			b.named[op.bulkID] = true
		}
		b.refers = append(b.refers, append(references(op.data), references(op.path[strings.LastIndexByte(op.path, '/')+1:])...))
	}
	b.run()
	done := []*bulkResult{}
	for _, r := range b.results {
		if r != nil {
			done = append(done, r)
		}
	}
	b.log()
	send(c.Context, http.StatusOK, map[string]any{"schemas": []string{scim.BulkResultURN}, "Operations": done})
	return nil
}

func parseBulk(body map[string]any) (ops []bulkOperation, failOnErrors int, err error) {
	list, ok := get(body, "Operations").([]any)
	if !ok {
		return nil, 0, fault.New(fault.Invalid, scim.InvalidSyntax, "Operations is missing.")
	}
	if len(list) > maxBulk {
		return nil, 0, fault.New(fault.TooLarge, "too_large", "").Saying("A bulk request may hold at most %d operations; this one has %d.", maxBulk, len(list))
	}
	if n, ok := get(body, "failOnErrors").(interface{ Int64() (int64, error) }); ok {
		most, err := n.Int64()
		if err != nil || most < 0 {
			return nil, 0, fault.New(fault.Invalid, scim.InvalidValue, "failOnErrors is a whole number.")
		}
		failOnErrors = int(min(most, maxBulk))
	}
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			return nil, 0, fault.New(fault.Invalid, scim.InvalidSyntax, "An operation is an object.")
		}
		op := bulkOperation{method: strings.ToUpper(word(m, "method")), path: word(m, "path"), bulkID: word(m, "bulkId"), version: word(m, "version")}
		op.data, _ = get(m, "data").(map[string]any)
		ops = append(ops, op)
	}
	return ops, failOnErrors, nil
}

// get looks up a member by its name in any letter case.
func get(m map[string]any, name string) any {
	if v, ok := m[name]; ok {
		return v
	}
	for k, v := range m {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

func word(m map[string]any, name string) string {
	s, _ := get(m, name).(string)
	return s
}

// bulkRun is a bulk request under way.
type bulkRun struct {
	a       *API
	c       *call
	ops     []bulkOperation
	refers  [][]string        // the names that each operation refers to
	twin    []bool            // POSTs whose bulkId one before has
	most    int               // errors after which it stops; 0 for never
	ids     map[string]string // of what the named operations have made
	failed  map[string]bool   // names whose operation was refused
	named   map[string]bool   // all names there are
	results []*bulkResult
	errors  int
	refused []*provisioning.Entry // what is still to be logged
	partly  []int                 // operations of a circle, done without the references that were not there yet
}

func (b *bulkRun) stopped() bool {
	select {
	case <-b.c.gone: // nobody waits for the rest
		return true
	default:
	}
	return b.most > 0 && b.errors >= b.most || b.c.ctx().Err() != nil
}

// run goes over the operations until none is left. When those that are left wait for each other, the first that makes something is done
// without its references, and completed as soon as they are there.
func (b *bulkRun) run() {
	for left := len(b.ops); left > 0 && !b.stopped(); {
		before := left
		for i := range b.ops {
			if b.results[i] == nil && !b.stopped() && b.ready(i) {
				b.do(i)
				b.completeReady(false)
				left--
			}
		}
		if left == before {
			b.breakCircle()
			left--
		}
	}
	b.completeReady(true)
	b.late()
}

var errLate = fault.New(fault.Unavailable, "busy", "The request took too long, and this operation was not begun. Send it again.")

// late answers for the operations that were not begun because the time was over: a client that hears nothing of them believes them done.
func (b *bulkRun) late() {
	if b.c.ctx().Err() == nil || b.most > 0 && b.errors >= b.most {
		return
	}
	for i, r := range b.results {
		if r == nil {
			b.refuse(i, errLate)
		}
	}
}

// completeReady completes what was done partly and lacks nothing any more; at the end also what will always lack something.
func (b *bulkRun) completeReady(end bool) {
	b.partly = slices.DeleteFunc(b.partly, func(i int) bool {
		if !end && !b.ready(i) {
			return false
		}
		b.complete(i)
		return true
	})
}

// ready says whether nothing that the operation refers to is still to come.
func (b *bulkRun) ready(i int) bool {
	for _, name := range b.refers[i] {
		if b.named[name] && b.ids[name] == "" && !b.failed[name] {
			return false
		}
	}
	return true
}

func (b *bulkRun) breakCircle() {
	for i, op := range b.ops {
		if b.results[i] == nil && op.method == http.MethodPost && !b.twin[i] {
			data, _ := strip(op.data, b.ids).(map[string]any)
			if data == nil {
				data = map[string]any{}
			}
			b.finish(i, data)
			if b.ids[op.bulkID] != "" {
				b.partly = append(b.partly, i)
			}
			return
		}
	}
	for i := range b.ops {
		if b.results[i] == nil {
			b.refuse(i, fault.New(fault.Conflict, "circular", "This operation and another wait for each other."))
			return
		}
	}
}

// do runs an operation whose references are all known or lost.
func (b *bulkRun) do(i int) {
	if b.twin[i] { // what refers to the bulkId would not know which is meant: the first is done
		b.refuse(i, fault.New(fault.Invalid, scim.InvalidValue, "Another operation of this request has this bulkId."))
		return
	}
	for _, name := range b.refers[i] {
		switch {
		case !b.named[name]:
			b.refuse(i, fault.New(fault.Invalid, scim.InvalidValue, "It refers to a bulkId that no operation of this request has."))
			return
		case b.ids[name] == "":
			b.refuse(i, fault.New(fault.Conflict, scim.InvalidValue, "It refers to a bulkId whose operation was refused."))
			return
		}
	}
	data, _ := substitute(b.ops[i].data, b.ids).(map[string]any)
	b.finish(i, data)
}

// finish runs an operation with its final data and keeps the result.
func (b *bulkRun) finish(i int, data map[string]any) {
	op := b.ops[i]
	t, id, err := b.target(op)
	if err != nil {
		b.refuse(i, err)
		return
	}
	r, code, err := b.one(t, op.method, id, data, ifMatch(op.version))
	if err != nil {
		b.refuse(i, err)
		return
	}
	b.results[i] = &bulkResult{Method: op.method, BulkID: op.bulkID, Status: strconv.Itoa(code), Location: b.location(t, id)}
	if r != nil {
		m, _ := r["meta"].(map[string]any)
		b.results[i].Location, b.results[i].Version = scim.Text(m, "location"), scim.Text(m, "version")
		b.ids[op.bulkID] = scim.Text(r, "id")
	} else {
		b.ids[op.bulkID] = id
	}
}

func (b *bulkRun) location(t *endpoint, id string) string { return b.a.Base + t.rt.Endpoint + "/" + id }

// target is the endpoint and the id that an operation's path names.
func (b *bulkRun) target(op bulkOperation) (*endpoint, string, error) {
	path, _, _ := strings.Cut(op.path, "?")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	t := b.a.types[strings.ToLower(parts[0])]
	switch {
	case t == nil || len(parts) > 2 || len(parts) == 1 && op.method != http.MethodPost:
		return nil, "", fault.New(fault.Invalid, scim.InvalidValue, "path is /Users or /Groups, with an id for every method but POST.")
	case op.method == http.MethodPost && len(parts) == 2:
		return nil, "", errMethod
	case op.method == http.MethodPost && op.bulkID == "":
		return nil, "", fault.New(fault.Invalid, scim.InvalidSyntax, "A POST needs a bulkId.")
	case len(parts) == 1:
		return t, "", nil
	}
	id := parts[1]
	if name, ok := reference(id); ok {
		id = b.ids[name]
	}
	return t, id, nil
}

func (b *bulkRun) refuse(i int, err error) {
	op := b.ops[i]
	_, body := newErrorBody(err)
	r := &bulkResult{Method: op.method, BulkID: op.bulkID, Status: body.Status, Response: &body}
	if op.method != http.MethodPost {
		if t, id, err := b.target(op); err == nil {
			r.Location = b.location(t, id)
		}
	}
	b.results[i] = r
	b.errors++
	if op.bulkID != "" && !b.twin[i] {
		b.failed[op.bulkID] = true
	}
}

// complete gives an operation of a circle the references it lacked. Where one of them has failed, what it made is taken back.
func (b *bulkRun) complete(i int) {
	op := b.ops[i]
	t, _, err := b.target(op)
	if err != nil {
		return
	}
	id := b.ids[op.bulkID]
	for _, name := range b.refers[i] {
		if b.ids[name] == "" {
			err = fault.New(fault.Conflict, scim.InvalidValue, "It refers to a bulkId whose operation was refused.")
		}
	}
	if err == nil {
		var r scim.Resource
		if r, _, err = b.one(t, http.MethodPatch, id, b.lacking(op), nil); err == nil {
			m, _ := r["meta"].(map[string]any)
			b.results[i].Version = scim.Text(m, "version")
			return
		}
	}
	if _, _, rerr := b.one(t, http.MethodDelete, id, nil, nil); rerr != nil {
		err = rerr
	}
	delete(b.ids, op.bulkID)
	b.refuse(i, err)
}

// lacking is a PATCH that adds the members of the operation's data in which there are references.
func (b *bulkRun) lacking(op bulkOperation) map[string]any {
	value := map[string]any{}
	for name, v := range op.data {
		if len(references(v)) > 0 {
			value[name] = substitute(v, b.ids)
		}
	}
	return map[string]any{"Operations": []any{map[string]any{"op": "add", "value": value}}}
}

// run does one operation as the method would, and says with which status.
func (t *endpoint) run(c *call, method, id string, data map[string]any, match func(string) bool) (scim.Resource, int, error) {
	quiet := t.rt.ParseProjection(nil, []string{"members"})
	switch method {
	case http.MethodPost, http.MethodPut:
		in, err := t.rt.Read(data)
		if err != nil {
			return nil, 0, err
		}
		if method == http.MethodPost {
			r, err := t.create(c.changing(t, http.StatusCreated, true), c.by, in)
			return r, http.StatusCreated, err
		}
		r, err := t.replace(c.changing(t, http.StatusOK, true), c.by, id, in, match, quiet)
		return r, http.StatusOK, err
	case http.MethodPatch:
		ops, err := scim.ParsePatch(data)
		if err != nil {
			return nil, 0, err
		}
		r, err := t.patch(c.changing(t, http.StatusOK, true), c.by, id, ops, match, quiet)
		return r, http.StatusOK, err
	case http.MethodDelete:
		return nil, http.StatusNoContent, t.remove(c.changing(t, http.StatusNoContent, false), c.by, id, match)
	}
	return nil, 0, fault.New(fault.Invalid, scim.InvalidSyntax, "method is POST, PUT, PATCH or DELETE.")
}
