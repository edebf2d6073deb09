package push

import (
	"bytes"
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
)

// Kind names a push service.
type Kind string

const (
	FCM     Kind = "fcm"
	APNs    Kind = "apns"
	WebPush Kind = "webpush"
)

// Environments of APNs. A token belongs to one of them, and only the app knows which.
const (
	Production = "production"
	Sandbox    = "sandbox"
)

// Address is where one installation of the companion is reached. Which fields are set depends on Kind: Token (fcm); Token, Env
// and Topic (apns); Endpoint, P256DH and Auth (webpush; the keys base64url without padding). It is as good as a password for
// disturbing somebody, so it does not print itself.
type Address struct {
	Kind     Kind
	Token    string
	Env      string
	Topic    string
	Endpoint string
	P256DH   string
	Auth     string
	// VAPID is the id of the server's key that a webpush subscription was made with, "" when it is not known. It is not part of the wire
	// form: the phone's row keeps it.
	VAPID string
	// Subscribed is what a phone says it subscribed with, optional in the wire form: the server's public key, base64url. It is read at
	// registration and not kept.
	Subscribed string
}

// What can be wrong with an address in a request. The texts name the field and never repeat its value.
var (
	ErrMalformed    = errors.New("push address is malformed")
	ErrUnknownField = errors.New("push address has an unknown or repeated field")
	ErrEndpoint     = errors.New("push endpoint is refused")
)

var (
	fcmToken  = regexp.MustCompile(`^[A-Za-z0-9_:.=-]+$`)
	apnsToken = regexp.MustCompile(`^[0-9a-f]{64,200}$`) // it goes into a URL path
	apnsTopic = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,154}$`)
)

// Parse reads the `push` object of wire.md §3, exactly: {kind:"fcm",token} | {kind:"apns",token,env,topic} |
// {kind:"webpush",endpoint,keys:{p256dh,auth},vapid_public_key?}. It checks form only; whether an endpoint may be reached is webpush's question.
func Parse(b []byte) (Address, error) {
	f, err := fields(b)
	if err != nil {
		return Address{}, err
	}
	var a Address
	if a.Kind, err = take[Kind](f, "kind"); err != nil {
		return Address{}, err
	}
	read, known := readers[a.Kind]
	if !known {
		return Address{}, fmt.Errorf("%w: kind", ErrMalformed)
	}
	if err := read(&a, f); err != nil {
		return Address{}, err
	}
	if len(f) > 0 {
		return Address{}, ErrUnknownField
	}
	return a, a.Validate()
}

var readers = map[Kind]func(*Address, object) error{
	FCM:     func(a *Address, f object) error { return f.text("token", &a.Token) },
	APNs:    readAPNs,
	WebPush: readWebPush,
}

func readAPNs(a *Address, f object) error {
	return errors.Join(f.text("token", &a.Token), f.text("env", &a.Env), f.text("topic", &a.Topic))
}

func readWebPush(a *Address, f object) error {
	raw, found := f["keys"]
	if !found {
		return fmt.Errorf("%w: keys", ErrMalformed)
	}
	delete(f, "keys")
	keys, err := fields(raw)
	if err != nil {
		return err
	}
	if err := errors.Join(f.text("endpoint", &a.Endpoint), keys.text("p256dh", &a.P256DH), keys.text("auth", &a.Auth)); err != nil {
		return err
	}
	if len(keys) > 0 {
		return ErrUnknownField
	}
	if _, told := f["vapid_public_key"]; told {
		return f.text("vapid_public_key", &a.Subscribed)
	}
	return nil
}

// Validate says whether the fields that the kind needs are well formed.
func (a Address) Validate() error {
	switch a.Kind {
	case FCM:
		return must("token", len(a.Token) <= 4096 && fcmToken.MatchString(a.Token))
	case APNs:
		return errors.Join(must("token", apnsToken.MatchString(a.Token)),
			must("env", a.Env == Production || a.Env == Sandbox), must("topic", apnsTopic.MatchString(a.Topic)))
	case WebPush:
		_, _, err := a.Keys()
		return errors.Join(err, CheckEndpoint(a.Endpoint))
	}
	return must("kind", false)
}

func must(field string, ok bool) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrMalformed, field)
}

// CheckEndpoint judges a web push endpoint by its form alone: an absolute https URL of plain characters, with a host and without
// user, fragment or backslash, 2048 bytes at most.
func CheckEndpoint(endpoint string) error {
	if len(endpoint) > 2048 || strings.ContainsFunc(endpoint, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' }) {
		return fmt.Errorf("%w: not a plain URL", ErrEndpoint)
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return fmt.Errorf("%w: not a URL", ErrEndpoint)
	case u.Scheme != "https":
		return fmt.Errorf("%w: not https", ErrEndpoint)
	case u.User != nil || strings.Contains(endpoint, "#"):
		return fmt.Errorf("%w: user or fragment", ErrEndpoint)
	}
	return nil
}

// Keys decodes what a web push message is encrypted with: a point on P-256 and a secret of 16 bytes (RFC 8291 §3).
func (a Address) Keys() (point *ecdh.PublicKey, secret []byte, err error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(a.P256DH)
	if err != nil || len(raw) != 65 {
		return nil, nil, fmt.Errorf("%w: keys.p256dh", ErrMalformed)
	}
	if point, err = ecdh.P256().NewPublicKey(raw); err != nil {
		return nil, nil, fmt.Errorf("%w: keys.p256dh", ErrMalformed)
	}
	if secret, err = base64.RawURLEncoding.Strict().DecodeString(a.Auth); err != nil || len(secret) != 16 {
		return nil, nil, fmt.Errorf("%w: keys.auth", ErrMalformed)
	}
	return point, secret, nil
}

// Key identifies the address for a unique index: SHA-256, in hex, over the kind and what the service delivers to. The same token
// registered with another environment or topic, or an endpoint spelled with another host case, has the same key.
func (a Address) Key() string {
	to := a.Token
	if a.Kind == WebPush {
		to = a.Endpoint
		if u, err := url.Parse(to); err == nil {
			u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.TrimSuffix(strings.ToLower(u.Host), ":443")
			to = u.String()
		}
	}
	sum := sha256.Sum256([]byte(string(a.Kind) + "\x00" + to))
	return hex.EncodeToString(sum[:])
}

// MarshalJSON writes the form that Parse reads, fields in that order.
func (a Address) MarshalJSON() ([]byte, error) {
	type keys struct {
		P256DH string `json:"p256dh"`
		Auth   string `json:"auth"`
	}
	switch a.Kind {
	case FCM:
		return json.Marshal(struct {
			Kind  Kind   `json:"kind"`
			Token string `json:"token"`
		}{a.Kind, a.Token})
	case APNs:
		return json.Marshal(struct {
			Kind  Kind   `json:"kind"`
			Token string `json:"token"`
			Env   string `json:"env"`
			Topic string `json:"topic"`
		}{a.Kind, a.Token, a.Env, a.Topic})
	case WebPush:
		return json.Marshal(struct {
			Kind     Kind   `json:"kind"`
			Endpoint string `json:"endpoint"`
			Keys     keys   `json:"keys"`
		}{a.Kind, a.Endpoint, keys{a.P256DH, a.Auth}})
	}
	return nil, fmt.Errorf("%w: kind", ErrMalformed)
}

// UnmarshalJSON is Parse.
func (a *Address) UnmarshalJSON(b []byte) (err error) {
	*a, err = Parse(b)
	return err
}

// String shows the kind and the first digits of the key, enough to tell two addresses apart in a log.
func (a Address) String() string { return string(a.Kind) + ":" + a.Key()[:8] }

// GoString is String, for %#v.
func (a Address) GoString() string { return a.String() }

// LogValue is String, for slog.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.String()) }

// object is a JSON object whose members are taken out one by one; what stays was not expected. encoding/json alone would let
// repeated names and other letter cases through.
type object map[string]json.RawMessage

func fields(b []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Errorf("%w: not an object", ErrMalformed)
	}
	f := object{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: not JSON", ErrMalformed)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("%w: not JSON", ErrMalformed)
		}
		text, _ := name.(string)
		if _, again := f[text]; again {
			return nil, ErrUnknownField
		}
		f[text] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("%w: not JSON", ErrMalformed)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: more than one value", ErrMalformed)
	}
	return f, nil
}

func (f object) text(name string, into *string) (err error) {
	*into, err = take[string](f, name)
	return err
}

func take[T ~string](f object, name string) (T, error) {
	raw, found := f[name]
	delete(f, name)
	var v *T
	if !found || json.Unmarshal(raw, &v) != nil || v == nil {
		return "", fmt.Errorf("%w: %s", ErrMalformed, name)
	}
	return *v, nil
}
