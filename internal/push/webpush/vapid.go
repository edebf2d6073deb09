package webpush

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"time"
)

// A day is the most that RFC 8292 §2 allows; half of it leaves room for a clock that is wrong.
const vapidLife = 12 * time.Hour

type vapidClaims struct {
	Aud string `json:"aud"`
	Exp int64  `json:"exp"`
	Sub string `json:"sub"`
}

// vapid returns the Authorization header for one endpoint (RFC 8292 §3): a token signed with ES256 that is good for the
// endpoint's origin only, and the public key to check it with.
func vapid(key *ecdsa.PrivateKey, endpoint, subject string, now time.Time) (string, error) {
	if key == nil || key.Curve != elliptic.P256() {
		return "", errors.New("webpush: the VAPID key is not on P-256")
	}
	aud, err := origin(endpoint)
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(vapidClaims{Aud: aud, Exp: now.Add(vapidLife).Unix(), Sub: subject})
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","alg":"ES256"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims)
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	public, err := PublicKey(key)
	if err != nil {
		return "", err
	}
	return "vapid t=" + text + "." + base64.RawURLEncoding.EncodeToString(signature) + ", k=" + public, nil
}

// PublicKey is what a browser subscribes with (applicationServerKey): the uncompressed point of 65 bytes, base64url.
func PublicKey(key *ecdsa.PrivateKey) (string, error) {
	public, err := key.PublicKey.ECDH()
	if err != nil {
		return "", fmt.Errorf("webpush: VAPID key: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(public.Bytes()), nil
}

// origin is the endpoint's scheme, host and port as browsers write an origin: lower case, without the default port.
func origin(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", err
	}
	return strings.ToLower(u.Scheme) + "://" + strings.TrimSuffix(strings.ToLower(u.Host), ":443"), nil
}

// checkSubject wants an address that every push service takes: https: or one plain mailto:, and no localhost, which Apple
// answers with BadJwtToken.
func checkSubject(s string) error {
	host := ""
	if address, isMail := strings.CutPrefix(s, "mailto:"); isMail {
		a, err := mail.ParseAddress(address)
		if err != nil || a.Address != address {
			return errors.New("webpush: subject is not a mail address")
		}
		host = address[strings.LastIndexByte(address, '@')+1:]
	} else {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "https" {
			return errors.New("webpush: subject is neither mailto: nor https:")
		}
		host = u.Hostname()
	}
	if host = strings.ToLower(strings.TrimSuffix(host, ".")); host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return errors.New("webpush: subject is at localhost, which push services refuse")
	}
	return nil
}
