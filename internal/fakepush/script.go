package fakepush

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Step is what a service does with one request that it would otherwise accept. Do is one of the names below, or a service's own
// word for a refusal: FCM's "UNREGISTERED", APNs' "BadDeviceToken", for web push and the token endpoint a status, "410".
type Step struct {
	Do         string `json:"do"`
	Times      int    `json:"times,omitempty"`       // how often; 0 means once, negative until the next Script
	RetryAfter int    `json:"retry_after,omitempty"` // seconds, header of a refusal
	DelayMS    int    `json:"delay_ms,omitempty"`    // wait before doing it
	Timestamp  int64  `json:"timestamp,omitempty"`   // of APNs' 410, Unix milliseconds; 0 means now
}

// Steps that every service knows.
const (
	OK        = "ok"        // deliver
	Drop      = "drop"      // read the request, then close the connection
	Hold      = "hold"      // answer nothing until the client goes away
	BlackHole = "blackhole" // from now on the whole connection is silent, as behind a firewall that forgot it
	GoAway    = "goaway"    // deliver, and end the connection in an orderly way (HTTP/2 GOAWAY)
	HTML502   = "html502"   // the page of a proxy
	Garbage   = "garbage"   // 200 with a body that is no answer
	Flood     = "flood"     // 500 with a body that never ends
	Redirect  = "redirect"  // 307 to the same service's /elsewhere
)

var common = map[string]bool{OK: true, Drop: true, Hold: true, BlackHole: true, GoAway: true, HTML502: true, Garbage: true, Flood: true, Redirect: true}

// Script replaces what the services do with the next requests for an address; when the steps are used up they deliver again.
// It panics at a step that the address's service does not have, since a test with such a script would prove nothing.
func (f *Fake) Script(address string, steps ...Step) {
	if err := f.script(address, steps); err != nil {
		panic("fakepush: " + err.Error())
	}
}

func (f *Fake) script(address string, steps []Step) error {
	for _, s := range steps {
		if !common[s.Do] && !serviceOf(address).refuses(s.Do) {
			return fmt.Errorf("no step %q for this address", s.Do)
		}
	}
	f.book.mu.Lock()
	defer f.book.mu.Unlock()
	f.book.at(address).script = append([]Step(nil), steps...)
	return nil
}

func serviceOf(address string) Service {
	switch {
	case address == TokenEndpoint || strings.HasPrefix(address, "https://"):
		return WebPush
	case deviceToken.MatchString(address):
		return APNs
	}
	return FCM
}

func (s Service) refuses(word string) bool {
	switch s {
	case FCM:
		_, known := fcmRefusals[word]
		return known
	case APNs:
		_, known := apnsReasons[word]
		return known
	}
	status, err := strconv.Atoi(word)
	return err == nil && status >= 400 && status < 600
}

// play does the steps that concern the connection. It returns false when the request is thereby dealt with; "goaway" and "ok" and
// a service's own refusals are the service's to finish.
func play(w http.ResponseWriter, r *http.Request, step Step) bool {
	if !pause(r, time.Duration(step.DelayMS)*time.Millisecond) {
		return false
	}
	switch step.Do {
	case Drop:
		connectionOf(r).drop()
		panic(http.ErrAbortHandler)
	case BlackHole:
		connectionOf(r).silent.Store(true)
		<-r.Context().Done()
	case Hold:
		<-r.Context().Done()
	case HTML502:
		page(w, http.StatusBadGateway)
	case Garbage:
		page(w, http.StatusOK)
	case Flood:
		w.WriteHeader(http.StatusInternalServerError)
		for chunk := make([]byte, 32<<10); ; {
			if _, err := w.Write(chunk); err != nil {
				return false
			}
		}
	case Redirect:
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	case GoAway:
		w.Header().Set("Connection", "close") // net/http turns this into a GOAWAY
		return true
	default:
		if step.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(step.RetryAfter))
		}
		return true
	}
	return false
}

func page(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<html><h1>a page, not an answer</h1></html>")
}

// pause waits and tells whether the client is still there.
func pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
