package provisioning

import (
	"bytes"
	"errors"
)

// Raw is a request as it was sent, without passwords and tokens.
type Raw struct {
	Method  string
	Target  string // path and query, below the SCIM address
	IfMatch string
	Body    []byte
}

// writes are the methods that can be replayed.
func writes(method string) bool {
	return method == "POST" || method == "PUT" || method == "PATCH" || method == "DELETE"
}

// seal closes the request up, bound to its row; nil for one that is not kept: it changes nothing, was not let in, or was not JSON.
func (l *Log) seal(e *Entry) ([]byte, error) {
	if !writes(e.Method) || e.Result == Rejected || e.Result == Slowed || e.Bulk != "" || e.Body == nil && e.Method != "DELETE" {
		return nil, nil
	}
	b := make([]byte, 0, len(e.Raw)+len(e.Target)+64)
	for _, part := range []string{e.Method, e.Target, e.IfMatch} {
		b = append(append(b, part...), '\n')
	}
	return l.vault.Seal(append(b, clean(e.Raw, e.Body)...), place(e.Workspace, e.ID))
}

func place(workspace, id string) string { return "provisioning_log|" + workspace + "|" + id }

func (l *Log) open(sealed []byte, workspace, id string) (Raw, error) {
	b, err := l.vault.Open(sealed, place(workspace, id))
	if err != nil {
		return Raw{}, err
	}
	parts := bytes.SplitN(b, []byte{'\n'}, 4)
	if len(parts) != 4 {
		return Raw{}, errors.New("provisioning: a sealed request has another form")
	}
	return Raw{Method: string(parts[0]), Target: string(parts[1]), IfMatch: string(parts[2]), Body: parts[3]}, nil
}
