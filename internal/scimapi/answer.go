package scimapi

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/scim"
)

const mediaType = "application/scim+json"

// scimTypes are the codes that a SCIM error shows; other codes are our own and stay in the log.
var scimTypes = map[string]bool{
	scim.InvalidFilter: true, scim.TooMany: true, scim.Uniqueness: true, scim.MutabilityErr: true, scim.InvalidSyntax: true, scim.InvalidPath: true,
	scim.NoTarget: true, scim.InvalidValue: true, scim.InvalidVers: true, scim.Sensitive: true, scim.InvalidCursor: true, scim.ExpiredCursor: true,
	scim.InvalidCount: true,
}

// errorBody is a SCIM error (RFC 7644 §3.12); the status is a string.
type errorBody struct {
	Schemas  []string `json:"schemas"`
	Status   string   `json:"status"`
	ScimType string   `json:"scimType,omitempty"`
	Detail   string   `json:"detail"`
}

func newErrorBody(err error) (*fault.Error, errorBody) {
	f := fault.From(database.Lost(err))
	body := errorBody{Schemas: []string{scim.ErrorURN}, Status: strconv.Itoa(status(f)), Detail: f.Detail}
	if scimTypes[f.Code] {
		body.ScimType = f.Code
	}
	return f, body
}

// renderError answers with an error. Its sentence ends with the short code under which the log explains it.
func renderError(c *gin.Context, err error, t *tally) {
	httpkit.Keep(c, err)
	f, body := newErrorBody(err)
	body.Detail += " (" + reason(f, t.entry.Operation).Code + ")"
	httpkit.RetryAfter(c, f)
	if f.Kind == fault.Unauthorized {
		c.Header("WWW-Authenticate", `Bearer realm="SCIM", error="invalid_token"`)
	}
	c.Abort()
	send(c, status(f), body)
}

// send answers with a value as JSON.
func send(c *gin.Context, code int, v any) {
	out, err := json.Marshal(v)
	if err != nil {
		httpkit.Keep(c, err)
		code, out = http.StatusInternalServerError, []byte(`{"schemas":["`+scim.ErrorURN+`"],"status":"500","detail":"Something went wrong on our side."}`)
	}
	c.Data(code, mediaType, out)
}

// body reads the body of a request that has one; nil for the others. A body over the limit is read to its end, up to a point, so that the client hears the
// answer instead of a broken connection.
func body(c *gin.Context) ([]byte, error) {
	switch c.Request.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		return nil, nil
	}
	raw, err := io.ReadAll(io.LimitReader(c.Request.Body, httpkit.SCIMBody+1))
	if err != nil {
		return nil, fault.New(fault.Invalid, scim.InvalidSyntax, "The body broke off.").Because(err)
	}
	if len(raw) > httpkit.SCIMBody {
		if _, err := io.CopyN(io.Discard, c.Request.Body, 31*httpkit.SCIMBody); err != nil && !errors.Is(err, io.EOF) {
			c.Header("Connection", "close")
		}
		return nil, httpkit.ErrTooLarge.Saying("A request body may have at most %d bytes. Nothing was changed.", httpkit.SCIMBody)
	}
	if err := form(c); err != nil {
		return nil, err
	}
	return raw, nil
}

// form refuses a body that is not JSON as it is.
func form(c *gin.Context) error {
	if e := c.GetHeader("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		c.Header("Accept-Encoding", "identity") // RFC 9110 §12.5.3
		return fault.New(fault.Unsupported, "media_type", "Send the body as it is, without a Content-Encoding.")
	}
	if t := c.GetHeader("Content-Type"); t != "" && t != mediaType {
		if m, _, err := mime.ParseMediaType(t); err != nil || !strings.EqualFold(m, mediaType) && !strings.EqualFold(m, "application/json") {
			return fault.New(fault.Unsupported, "media_type", "Send the body as application/scim+json.")
		}
	}
	return nil
}

// resource answers with one resource as the query's projection shows it.
func (t *endpoint) resource(c *call, code int, r scim.Resource) error {
	m, _ := r["meta"].(map[string]any)
	c.Header("ETag", scim.Text(m, "version"))
	if code == http.StatusCreated {
		c.Header("Location", scim.Text(m, "location"))
	}
	if code == http.StatusOK && c.Request.Method != http.MethodPut && c.Request.Method != http.MethodPatch && matches(c.GetHeader("If-None-Match"), scim.Text(m, "version")) {
		c.tally.looked(http.StatusNotModified, r, -1)
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return nil
	}
	out := c.tally.answer // of a change, rendered where it was made
	if out == nil {
		c.tally.looked(code, r, -1)
		out = t.rt.AppendProjected(make([]byte, 0, 1536), r, t.projection(c.query))
	}
	c.Data(code, mediaType, out)
	return nil
}

// matches says whether a list of entity tags (If-Match, If-None-Match) has the version, compared weakly (RFC 9110 §8.8.3.2).
func matches(header, version string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || tag != "" && opaque(tag) == opaque(version) {
			return true
		}
	}
	return false
}

func opaque(tag string) string { return strings.Trim(strings.TrimPrefix(tag, "W/"), `"`) }
