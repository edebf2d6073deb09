// Package httpkit is what every JSON door shares: handlers that return errors, bodies decoded strictly, kinds of error mapped to statuses in
// one place, and problem+json (RFC 9457).
package httpkit

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/fault"
)

// Handler is a handler that may fail; nil means it has answered.
type Handler func(*gin.Context) error

// Sizes of request bodies (wire.md §4).
const (
	DeviceBody  = 8 << 10
	ClaimBody   = 16 << 10
	ConsoleBody = 64 << 10
	SCIMBody    = 1 << 20
)

// status is the only place where a kind of error meets an HTTP status.
var status = map[fault.Kind]int{
	fault.Internal: 500, fault.Invalid: 400, fault.Unauthorized: 401, fault.Forbidden: 403, fault.NotFound: 404, fault.Conflict: 409,
	fault.Expired: 410, fault.TooLarge: 413, fault.Unsupported: 415, fault.Unprocessable: 422, fault.Locked: 423, fault.Limited: 429,
	fault.Unavailable: 503, fault.Precondition: 412, fault.NotImplemented: 501,
}

// Status is the HTTP status of a kind of error.
func Status(k fault.Kind) int { return status[k] }

// Handle turns a Handler into gin's, rendering its error as problem+json.
func Handle(h Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := h(c); err != nil {
			Problem(c, err)
		}
	}
}

// errKey is where a request's error waits for the log line.
const errKey = "httpkit.err"

// Err is the error that a handler of this request returned, for the request's log line.
func Err(c *gin.Context) error {
	err, _ := c.Get(errKey)
	e, _ := err.(error)
	return e
}

// Keep keeps err for the request's log line; doors with a rendering of their own call it.
func Keep(c *gin.Context, err error) { c.Set(errKey, err) }

// Problem answers with err as application/problem+json: type, title, status, code, detail and the error's own fields.
func Problem(c *gin.Context, err error) {
	f := fault.From(err)
	Keep(c, err)
	code := status[f.Kind]
	body := map[string]any{"type": "about:blank", "title": http.StatusText(code), "status": code, "code": f.Code, "detail": f.Detail}
	for k, v := range f.Fields {
		body[k] = v
	}
	RetryAfter(c, f)
	if code == http.StatusUnauthorized {
		c.Header("WWW-Authenticate", `Countersign realm="countersign"`)
	}
	c.Header("Cache-Control", "no-store")
	out, merr := json.Marshal(body)
	if merr != nil {
		out = []byte(`{"type":"about:blank","status":500,"code":"internal"}`)
	}
	c.Abort()
	c.Data(code, "application/problem+json", out)
}

// RetryAfter sets the header where the error says when to try again.
func RetryAfter(c *gin.Context, f *fault.Error) {
	if f.RetryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
	}
}

// The ways in which a body can be bad.
var (
	ErrMalformed    = fault.New(fault.Invalid, "malformed", "The request body is not the JSON that this call takes. Nothing was changed.")
	ErrUnknownField = fault.New(fault.Invalid, "unknown_field", "The request body has a field that this call does not know. Nothing was changed.")
	ErrMediaType    = fault.New(fault.Unsupported, "malformed", "Send the body as application/json.")
	ErrTooLarge     = fault.New(fault.TooLarge, "too_large", "The request body is too large. Nothing was changed.")
)

// Validator is a request that knows what is valid about itself.
type Validator interface{ Validate() error }

// Body reads a request body of at most limit bytes; it is read whole before anything is decided.
func Body(c *gin.Context, limit int64) ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, limit))
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		return nil, ErrTooLarge.Saying("The request body may have at most %d bytes. Nothing was changed.", limit)
	case err != nil:
		return nil, ErrMalformed.Because(err)
	}
	return b, nil
}

// JSON demands that a request with a body says it is JSON.
func JSON(c *gin.Context) error {
	t, _, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil || t != "application/json" {
		return ErrMediaType
	}
	return nil
}

// Decode reads a JSON body of at most limit bytes into T: one object, no unknown field, no repeated field, nothing after it; then Validate.
// An empty body counts as {} (wire.md §4).
func Decode[T any](c *gin.Context, limit int64) (T, error) {
	var into T
	if err := JSON(c); err != nil {
		return into, err
	}
	b, err := Body(c, limit)
	if err != nil {
		return into, err
	}
	if len(b) == 0 {
		b = []byte("{}")
	}
	if err := Strict(b, &into); err != nil {
		return into, err
	}
	if v, ok := any(into).(Validator); ok {
		return into, v.Validate()
	}
	return into, nil
}

// Strict decodes one JSON object without unknown or repeated fields.
func Strict(b []byte, into any) error {
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		if strings.HasPrefix(err.Error(), "json: unknown field") {
			return ErrUnknownField.Because(err)
		}
		return ErrMalformed.Because(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return ErrMalformed
	}
	return unique(b)
}

// unique refuses repeated names in any object: two readers of the same bytes must never see two answers.
func unique(b []byte) error {
	d := json.NewDecoder(strings.NewReader(string(b)))
	type level struct {
		seen map[string]bool // nil in an array
		key  bool            // a name comes next
	}
	var stack []level
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return ErrMalformed.Because(err)
		}
		top := len(stack) - 1
		if name, ok := t.(string); ok && top >= 0 && stack[top].key {
			name = strings.ToLower(strings.ToUpper(name)) // encoding/json matches names without regard to case
			if stack[top].seen[name] {
				return ErrMalformed.Saying("The request body names a field twice. Nothing was changed.")
			}
			stack[top].seen[name], stack[top].key = true, false
			continue
		}
		switch t {
		case json.Delim('{'):
			stack = append(stack, level{seen: map[string]bool{}, key: true})
			continue
		case json.Delim('['):
			stack = append(stack, level{})
			continue
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:top]
		}
		if top = len(stack) - 1; top >= 0 && stack[top].seen != nil {
			stack[top].key = true
		}
	}
}

// NoStore keeps an answer out of every cache.
func NoStore(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.Header("Pragma", "no-cache")
}

// Log writes one line for each request: the route's pattern, never the path's values or the query.
func Log(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		c.Next()
		route := c.FullPath()
		if route == "" {
			route = "-"
		}
		attrs := []any{"method", c.Request.Method, "route", route, "status", c.Writer.Status(), "dur_ms", float64(time.Since(start).Microseconds()) / 1000,
			"request_id", c.GetString("request_id")}
		err := Err(c)
		switch {
		case err == nil:
			log.Info("request", attrs...)
		case fault.From(err).Kind == fault.Internal:
			log.Error("request", append(attrs, "err", err)...)
		default:
			log.Info("request", append(attrs, "code", fault.From(err).Code)...)
		}
	}
}
