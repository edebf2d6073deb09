package fakepush

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

const apnsMaxPayload = 4096

var (
	deviceToken = regexp.MustCompile(`^[0-9a-f]{64,200}$`)
	uuid        = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	pushTypes   = regexp.MustCompile(`^(alert|background|location|voip|complication|fileprovider|mdm|liveactivity|pushtotalk|widgets|controls)$`)
)

// apnsReasons are Apple's words with their statuses ("Handling notification responses from APNs").
var apnsReasons = map[string]int{
	"BadCollapseId": 400, "BadDeviceToken": 400, "BadExpirationDate": 400, "BadMessageId": 400, "BadPriority": 400, "BadTopic": 400,
	"DeviceTokenNotForTopic": 400, "DuplicateHeaders": 400, "IdleTimeout": 400, "InvalidPushType": 400, "MissingDeviceToken": 400,
	"MissingTopic": 400, "PayloadEmpty": 400, "TopicDisallowed": 400, "BadCertificate": 403, "BadCertificateEnvironment": 403,
	"ExpiredProviderToken": 403, "Forbidden": 403, "InvalidProviderToken": 403, "MissingProviderToken": 403, "UnrelatedKeyIdInToken": 403,
	"BadEnvironmentKeyIdInToken": 403, "BadEnvironmentKeyInToken": 403, "BadPath": 404, "MethodNotAllowed": 405, "ExpiredToken": 410,
	"Unregistered": 410, "PayloadTooLarge": 413, "TooManyProviderTokenUpdates": 429, "TooManyRequests": 429,
	"InternalServerError": 500, "ServiceUnavailable": 503, "Shutdown": 503,
}

// environments remembers which tokens were made for which of Apple's two worlds; a token that nobody asked for fits both.
type environments struct {
	mu sync.Mutex
	of map[string]string
}

func newEnvironments() *environments { return &environments{of: map[string]string{}} }

// APNsToken makes a device token for "production" or "sandbox". At the other one it is a BadDeviceToken.
func (f *Fake) APNsToken(env string) string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	token := hex.EncodeToString(raw)
	f.apnsEnvs.mu.Lock()
	defer f.apnsEnvs.mu.Unlock()
	f.apnsEnvs.of[token] = env
	return token
}

func (e *environments) fits(token, env string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	made, known := e.of[token]
	return !known || made == env
}

func (f *Fake) apnsHandler(env string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			connectionOf(r).drop()
			panic(http.ErrAbortHandler)
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
		if err != nil {
			return
		}
		token, isDevice := strings.CutPrefix(r.URL.Path, "/3/device/")
		step := Step{Do: OK}
		if isDevice {
			step = f.book.arrive(token)
		}
		id := r.Header.Get("apns-id")
		if id == "" {
			id = newUUID()
		}
		w.Header().Set("apns-id", id)
		if reason := f.checkAPNs(r, env, token, isDevice, body); reason != "" {
			refuseAPNs(w, reason, 0)
			return
		}
		if !play(w, r, step) {
			return
		}
		if _, scripted := apnsReasons[step.Do]; scripted {
			refuseAPNs(w, step.Do, f.deadSince(step))
			return
		}
		// One undelivered notification for each bundle and device: the new one takes the place of whatever waited.
		f.book.deliver(apnsDelivery(r, token, id, body), func(Delivery) bool { return true }, f.now())
		w.WriteHeader(http.StatusOK)
	})
}

func (f *Fake) deadSince(step Step) int64 {
	switch {
	case step.Timestamp != 0:
		return step.Timestamp
	case apnsReasons[step.Do] == http.StatusGone:
		return f.now().UnixMilli()
	}
	return 0
}

func refuseAPNs(w http.ResponseWriter, reason string, timestamp int64) {
	body := map[string]any{"reason": reason}
	if timestamp != 0 {
		body["timestamp"] = timestamp
	}
	writeJSON(w, apnsReasons[reason], body)
}

// checkAPNs returns Apple's word for what is wrong with a request, or nothing.
func (f *Fake) checkAPNs(r *http.Request, env, token string, isDevice bool, body []byte) string {
	switch {
	case !isDevice:
		return "BadPath"
	case r.Method != http.MethodPost:
		return "MethodNotAllowed"
	}
	if reason := f.checkProviderToken(r); reason != "" {
		return reason
	}
	switch {
	case token == "":
		return "MissingDeviceToken"
	case !deviceToken.MatchString(token) || !f.apnsEnvs.fits(token, env):
		return "BadDeviceToken"
	}
	if reason := f.checkAPNsHeaders(r.Header); reason != "" {
		return reason
	}
	return checkAPNsPayload(body, r.Header.Get("apns-push-type"))
}

// checkAPNsHeaders is stricter than Apple in two ways: apns-push-type and apns-expiration must be there, since without them Apple
// guesses, and may keep a question for 30 days.
func (f *Fake) checkAPNsHeaders(h http.Header) string {
	for name, values := range h {
		if strings.HasPrefix(name, "Apns-") && len(values) > 1 {
			return "DuplicateHeaders"
		}
	}
	pushType, priority := h.Get("apns-push-type"), h.Get("apns-priority")
	expires, err := strconv.ParseInt(h.Get("apns-expiration"), 10, 64)
	switch {
	case h.Get("apns-topic") == "":
		return "MissingTopic"
	case h.Get("apns-topic") != f.Topic:
		return "DeviceTokenNotForTopic"
	case !pushTypes.MatchString(pushType):
		return "InvalidPushType"
	case priority != "10" && priority != "5" && priority != "1":
		return "BadPriority"
	case pushType == "background" && priority != "5":
		return "BadPriority"
	case len(h.Get("apns-collapse-id")) > 64:
		return "BadCollapseId"
	case err != nil || expires < 0:
		return "BadExpirationDate"
	case h.Get("apns-id") != "" && !uuid.MatchString(h.Get("apns-id")):
		return "BadMessageId"
	}
	return ""
}

func checkAPNsPayload(body []byte, pushType string) string {
	var p struct {
		Aps map[string]json.RawMessage `json:"aps"`
	}
	switch {
	case len(body) > apnsMaxPayload:
		return "PayloadTooLarge"
	case len(body) == 0 || json.Unmarshal(body, &p) != nil || len(p.Aps) == 0:
		return "PayloadEmpty"
	}
	visible := p.Aps["alert"] != nil || p.Aps["sound"] != nil || p.Aps["badge"] != nil
	background := pushType == "background"
	if background && (visible || string(p.Aps["content-available"]) != "1") || pushType == "alert" && !visible {
		return "InvalidPushType"
	}
	return ""
}

const (
	providerTokenLife = time.Hour
	providerTokenRest = 20 * time.Minute
)

// checkProviderToken keeps Apple's rules for the JWT: signed by the key, not older than an hour, and not changed more than once in
// 20 minutes on one connection.
func (f *Fake) checkProviderToken(r *http.Request) string {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") || text == "" {
		return "MissingProviderToken"
	}
	t, err := parseJWT(text)
	if err != nil || !t.signedES256(&f.keys.apple.PublicKey) || t.header.Kid != f.APNsKeyID || t.claims.Iss != f.APNsTeamID {
		return "InvalidProviderToken"
	}
	now := f.now()
	age := now.Sub(time.Unix(t.claims.Iat, 0))
	switch {
	case age < -time.Minute:
		return "InvalidProviderToken"
	case age > providerTokenLife:
		return "ExpiredProviderToken"
	}
	c := connectionOf(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bearer == text {
		return ""
	}
	if c.bearer != "" && now.Sub(c.bearerSeen) < providerTokenRest {
		return "TooManyProviderTokenUpdates"
	}
	c.bearer, c.bearerSeen = text, now
	return ""
}

func apnsDelivery(r *http.Request, token, id string, body []byte) Delivery {
	own := map[string]json.RawMessage{}
	_ = json.Unmarshal(body, &own) // seen by checkAPNsPayload
	maps.DeleteFunc(own, func(name string, _ json.RawMessage) bool { return name == "aps" })
	payload, err := json.Marshal(own)
	if err != nil {
		panic("fakepush: payload: " + err.Error())
	}
	header := map[string]string{}
	for name := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "apns-") {
			header[name] = r.Header.Get(name)
		}
	}
	expires, _ := strconv.ParseInt(header["apns-expiration"], 10, 64) // seen by checkAPNsHeaders
	return Delivery{
		Service: APNs, Address: token, ID: id, Payload: payload, Raw: body, Header: header,
		Collapse: header["apns-collapse-id"], Expires: time.Unix(expires, 0).UTC(),
	}
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	s := strings.ToUpper(hex.EncodeToString(b[:]))
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
