package confirm

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/mileusna/useragent"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/serverkeys"
	"github.com/countersign/countersign/internal/signing"
	"github.com/countersign/countersign/internal/workspace"
)

// shownContext is the only source of what the phone shows; it is generated here, never taken from the client.
type shownContext struct {
	Action    string   `json:"action"`
	Workspace string   `json:"workspace"`
	Person    string   `json:"person"`
	Browser   string   `json:"browser"`
	OS        string   `json:"os"`
	IP        string   `json:"ip"`
	Place     string   `json:"place,omitempty"`
	Since     int64    `json:"since"`
	New       []string `json:"new"`
}

// challengeBody is wire.md §2.
type challengeBody struct {
	V    int             `json:"v"`
	Kid  string          `json:"kid"`
	CID  string          `json:"cid"`
	WSP  string          `json:"wsp"`
	USR  string          `json:"usr"`
	DEV  string          `json:"dev"`
	ACT  string          `json:"act"`
	RES  string          `json:"res"`
	PAR  string          `json:"par"`
	SES  string          `json:"ses"`
	NON  string          `json:"non"`
	Mode string          `json:"mode"`
	CTX  json.RawMessage `json:"ctx"`
	IAT  int64           `json:"iat"`
	EXP  int64           `json:"exp"`
}

// response is what the phone signed (wire.md §2).
type response struct {
	V      int    `json:"v"`
	CID    string `json:"cid"`
	CHS    string `json:"chs"`
	DEV    string `json:"dev"`
	DEC    string `json:"dec"`
	Code   string `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
	UV     string `json:"uv"`
	IAT    int64  `json:"iat"`
}

func (s *Service) context(by actor.Actor, ws workspace.Workspace, q question) shownContext {
	ua := useragent.Parse(by.UserAgent)
	c := shownContext{Action: q.says, Workspace: device.Plain(ws.Name), Person: device.Plain(by.Name), Browser: device.Plain(ua.Name),
		OS: device.Plain(ua.OS), IP: by.IP, New: q.news}
	if c.Browser == "" {
		c.Browser = device.Plain(strings.Fields(by.UserAgent + " ?")[0])
	}
	if !by.SignedIn.IsZero() {
		c.Since = by.SignedIn.Unix()
	}
	if c.New == nil {
		c.New = []string{}
	}
	return c
}

// challenge makes the exact bytes that one phone is asked to sign, signed by the server with the key that this phone holds to.
func (s *Service) challenge(tx database.Tx, r row, d device.Device, shown shownContext, now time.Time) (challengeRow, error) {
	key, err := s.Keys.Of(tx.DB, serverkeys.Challenge, d.ServerKid)
	if err != nil {
		return challengeRow{}, err
	}
	par := ""
	if r.Params != nil {
		par = signing.B64(hash(r.Params))
	}
	if d.Person != r.PersonID {
		shown.Action, shown.New = "Approve for "+shown.Person+": "+shown.Action, []string{}
	}
	ctx, err := json.Marshal(shown)
	if err != nil {
		return challengeRow{}, err
	}
	body, err := json.Marshal(challengeBody{V: 1, Kid: key.ID, CID: r.ID, WSP: r.WorkspaceID, USR: d.Person, DEV: d.ID, ACT: r.Action, RES: r.Resource,
		PAR: par, SES: sessionMark(r.SessionHash), NON: ident.Secret(32), Mode: r.Mode, CTX: ctx, IAT: now.Unix(), EXP: r.ExpiresAt.Unix()})
	if err != nil {
		return challengeRow{}, err
	}
	sig, err := signing.Sign(key.Private, signing.Challenge(body))
	return challengeRow{ConfirmationID: r.ID, DeviceID: d.ID, Challenge: signing.B64(body), ServerSig: sig, Kid: key.ID, Delivery: "queued", DeliveryAt: now}, err
}
