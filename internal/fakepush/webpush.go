package fakepush

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

const webPushMaxRecord = 4096

// Subscription is what a browser's PushManager returns, in the form of its toJSON.
type Subscription struct {
	Endpoint string           `json:"endpoint"`
	Keys     SubscriptionKeys `json:"keys"`
}

// SubscriptionKeys are base64url without padding.
type SubscriptionKeys struct {
	P256DH string `json:"p256dh"`
	Auth   string `json:"auth"`
}

// browser is one subscription with the half that stays in the browser.
type browser struct {
	endpoint string
	key      *ecdh.PrivateKey
	auth     []byte
	server   string // applicationServerKey, when subscribed with one
}

type browsers struct {
	mu sync.Mutex
	by map[string]*browser // path
}

func newBrowsers() *browsers { return &browsers{by: map[string]*browser{}} }

func (b *browsers) find(path string) *browser {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.by[path]
}

// Subscribe makes a browser's subscription. With an application server key (the VAPID public key, base64url) only that server may
// push to it, as in every real browser; without one any server may.
func (f *Fake) Subscribe(applicationServerKey string) Subscription {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		panic("fakepush: key: " + err.Error())
	}
	path := "/wp/" + rand.Text()
	b := &browser{endpoint: f.WebPushURL + path, key: key, auth: make([]byte, 16), server: applicationServerKey}
	_, _ = rand.Read(b.auth) // never fails
	f.browsers.mu.Lock()
	defer f.browsers.mu.Unlock()
	f.browsers.by[path] = b
	return Subscription{Endpoint: b.endpoint, Keys: SubscriptionKeys{
		P256DH: base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()), Auth: base64.RawURLEncoding.EncodeToString(b.auth),
	}}
}

func (f *Fake) webPushHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
		if err != nil {
			return
		}
		b := f.browsers.find(r.URL.Path)
		if b == nil {
			refuseWebPush(w, http.StatusNotFound, "NoSuchSubscription")
			return
		}
		step := f.book.arrive(b.endpoint)
		text, status, reason := f.checkWebPush(r, b, body)
		if status != 0 {
			refuseWebPush(w, status, reason)
			return
		}
		if !play(w, r, step) {
			return
		}
		if status, err := strconv.Atoi(step.Do); err == nil {
			refuseWebPush(w, status, "Scripted"+step.Do)
			return
		}
		d := webPushDelivery(r.Header, b.endpoint, text, f.now())
		f.book.deliver(d, func(old Delivery) bool { return old.Collapse != "" && old.Collapse == d.Collapse }, f.now())
		w.Header().Set("Location", f.WebPushURL+"/message/"+d.ID)
		w.WriteHeader(http.StatusCreated)
	})
}

func refuseWebPush(w http.ResponseWriter, status int, reason string) {
	writeJSON(w, status, map[string]string{"reason": reason})
}

var topicForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// checkWebPush returns the decrypted text, or a status and a word for what is wrong. It is stricter than real services, which
// cannot read what they carry: a record that this browser could not open is refused here.
func (f *Fake) checkWebPush(r *http.Request, b *browser, body []byte) (text []byte, status int, reason string) {
	if reason := f.checkVAPID(r.Header.Get("Authorization"), b); reason != "" {
		return nil, http.StatusForbidden, reason
	}
	ttl, err := strconv.ParseInt(r.Header.Get("TTL"), 10, 64)
	topic, urgency := r.Header.Get("Topic"), r.Header.Get("Urgency")
	switch {
	case r.Method != http.MethodPost:
		return nil, http.StatusMethodNotAllowed, "MethodNotAllowed"
	case err != nil || ttl < 0:
		return nil, http.StatusBadRequest, "BadTtl"
	case topic != "" && !topicForm.MatchString(topic):
		return nil, http.StatusBadRequest, "BadTopic"
	case urgency != "" && urgency != "very-low" && urgency != "low" && urgency != "normal" && urgency != "high":
		return nil, http.StatusBadRequest, "BadUrgency"
	case r.Header.Get("Content-Encoding") != "aes128gcm":
		return nil, http.StatusBadRequest, "BadEncoding"
	case len(body) > webPushMaxRecord:
		return nil, http.StatusRequestEntityTooLarge, "PayloadTooLarge"
	}
	text, err = open(body, b.key, b.auth)
	if err != nil || !json.Valid(text) {
		return nil, http.StatusBadRequest, "Undecryptable"
	}
	return text, 0, ""
}

// checkVAPID keeps RFC 8292, and Apple's rules for the subject.
func (f *Fake) checkVAPID(header string, b *browser) string {
	t, key, reason := readVAPID(header)
	if reason != "" {
		return reason
	}
	if b.server != "" && b.server != key {
		return "VapidPkHashMismatch"
	}
	origin, err := url.Parse(b.endpoint)
	if err != nil {
		return "BadEndpoint"
	}
	left := time.Unix(t.claims.Exp, 0).Sub(f.now())
	subject, isMail := strings.CutPrefix(t.claims.Sub, "mailto:")
	switch {
	case t.claims.Aud != origin.Scheme+"://"+origin.Host:
		return "BadJwtToken"
	case left <= 0 || left > 24*time.Hour:
		return "BadJwtToken"
	case !isMail && !strings.HasPrefix(subject, "https://"), isMail && strings.Count(subject, "@") != 1, strings.Contains(subject, "localhost"):
		return "BadJwtToken"
	}
	return ""
}

// readVAPID takes "vapid t=…, k=…" apart and checks that the token is signed by the key beside it.
func readVAPID(header string) (t *jwt, key, reason string) {
	rest, found := strings.CutPrefix(header, "vapid ")
	if !found {
		return nil, "", "MissingAuthorization"
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	key = fields["k"]
	raw, err := base64.RawURLEncoding.Strict().DecodeString(key)
	if err != nil {
		return nil, "", "BadAuthorizationHeader"
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
	if err != nil {
		return nil, "", "BadAuthorizationHeader"
	}
	if t, err = parseJWT(fields["t"]); err != nil || !t.signedES256(public) {
		return nil, "", "BadJwtToken"
	}
	return t, key, ""
}

func webPushDelivery(h http.Header, endpoint string, text []byte, now time.Time) Delivery {
	ttl, _ := strconv.ParseInt(h.Get("TTL"), 10, 64) // seen by checkWebPush
	return Delivery{
		Service: WebPush, Address: endpoint, ID: rand.Text(), Payload: text, Raw: text,
		Header:   map[string]string{"ttl": h.Get("TTL"), "urgency": h.Get("Urgency"), "topic": h.Get("Topic")},
		Collapse: h.Get("Topic"), Expires: now.Add(time.Duration(ttl) * time.Second),
	}
}
