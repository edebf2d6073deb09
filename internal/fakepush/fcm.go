package fakepush

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"time"
)

const fcmMaxPayload = 4096

// fcmRefusal is an error of FCM HTTP v1. Its code decides what the answer means; a 404 without one is of the platform, not of FCM.
type fcmRefusal struct {
	http    int
	status  string
	message string
	code    string // of the FcmError detail
	field   string // of the BadRequest detail
}

// fcmRefusals are the words that a Script for a registration token may use.
var fcmRefusals = map[string]fcmRefusal{
	"UNREGISTERED":           {http: 404, status: "NOT_FOUND", message: "Requested entity was not found.", code: "UNREGISTERED"},
	"NOT_FOUND":              {http: 404, status: "NOT_FOUND", message: "Requested entity was not found."},
	"INVALID_ARGUMENT":       {http: 400, status: "INVALID_ARGUMENT", message: "The registration token is not a valid FCM registration token", code: "INVALID_ARGUMENT"},
	"INVALID_PAYLOAD":        {http: 400, status: "INVALID_ARGUMENT", message: "Message too big", code: "INVALID_ARGUMENT"},
	"BAD_FIELD":              {http: 400, status: "INVALID_ARGUMENT", message: "Invalid value at 'message'", field: "message"},
	"SENDER_ID_MISMATCH":     {http: 403, status: "PERMISSION_DENIED", message: "SenderId mismatch", code: "SENDER_ID_MISMATCH"},
	"PERMISSION_DENIED":      {http: 403, status: "PERMISSION_DENIED", message: "Permission 'cloudmessaging.messages.create' denied"},
	"THIRD_PARTY_AUTH_ERROR": {http: 401, status: "UNAUTHENTICATED", message: "Auth error from APNS or Web Push Service", code: "THIRD_PARTY_AUTH_ERROR"},
	"UNAUTHENTICATED":        {http: 401, status: "UNAUTHENTICATED", message: "Request had invalid authentication credentials."},
	"QUOTA_EXCEEDED":         {http: 429, status: "RESOURCE_EXHAUSTED", message: "Quota exceeded", code: "QUOTA_EXCEEDED"},
	"INTERNAL":               {http: 500, status: "INTERNAL", message: "Internal error encountered.", code: "INTERNAL"},
	"UNAVAILABLE":            {http: 503, status: "UNAVAILABLE", message: "The service is currently unavailable.", code: "UNAVAILABLE"},
}

func (x fcmRefusal) write(w http.ResponseWriter) {
	var details []map[string]any
	if x.code != "" {
		details = append(details, map[string]any{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": x.code})
	}
	if x.field != "" {
		details = append(details, map[string]any{
			"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": []map[string]string{{"field": x.field, "description": x.message}},
		})
	}
	body := map[string]any{"code": x.http, "message": x.message, "status": x.status}
	if details != nil {
		body["details"] = details
	}
	writeJSON(w, x.http, map[string]any{"error": body})
}

func (f *Fake) fcmHandler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("POST /token", f.token)
	m.HandleFunc("POST /v1/projects/{project}/{call}", f.fcmSend)
	return m
}

func (f *Fake) fcmSend(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.PathValue("call") != "messages:send":
		page(w, http.StatusNotFound)
		return
	case !f.oauth.accepts(r.Header.Get("Authorization"), f.now()):
		fcmRefusals["UNAUTHENTICATED"].write(w)
		return
	case r.PathValue("project") != f.Project:
		fcmRefusals["PERMISSION_DENIED"].write(w)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		return
	}
	msg, refusal := readFCM(body)
	if refusal != nil {
		refusal.write(w)
		return
	}
	step := f.book.arrive(msg.Token)
	if !play(w, r, step) {
		return
	}
	if x, scripted := fcmRefusals[step.Do]; scripted {
		x.write(w)
		return
	}
	id := "0:" + rand.Text()
	f.book.deliver(msg.delivery(id, f.now()), func(old Delivery) bool { return old.Collapse != "" && old.Collapse == msg.Android.CollapseKey }, f.now())
	writeJSON(w, http.StatusOK, map[string]string{"name": "projects/" + f.Project + "/messages/" + id})
}

// fcmMessage is what this fake uses of a message that the schema has accepted.
type fcmMessage struct {
	Token   string            `json:"token"`
	Data    map[string]string `json:"data"`
	Android struct {
		CollapseKey string            `json:"collapse_key"`
		TTL         string            `json:"ttl"`
		Data        map[string]string `json:"data"`
	} `json:"android"`
	APNS struct {
		Payload json.RawMessage `json:"payload"`
	} `json:"apns"`
	raw json.RawMessage
}

var registrationToken = regexp.MustCompile(`^[A-Za-z0-9_:-]+$`)

func readFCM(body []byte) (fcmMessage, *fcmRefusal) {
	var whole struct {
		Message json.RawMessage `json:"message"`
	}
	var msg fcmMessage
	if refusal := checkFCM(body); refusal != nil {
		return msg, refusal
	}
	if json.Unmarshal(body, &whole) != nil || json.Unmarshal(whole.Message, &msg) != nil {
		return msg, badField("message", "cannot be read")
	}
	msg.raw = whole.Message
	if !registrationToken.MatchString(msg.Token) {
		x := fcmRefusals["INVALID_ARGUMENT"]
		return msg, &x
	}
	size := 0
	for _, data := range []map[string]string{msg.Data, msg.Android.Data} {
		for k, v := range data {
			size += len(k) + len(v)
		}
	}
	if size > fcmMaxPayload || len(msg.APNS.Payload) > fcmMaxPayload {
		x := fcmRefusals["INVALID_PAYLOAD"]
		return msg, &x
	}
	return msg, nil
}

func (m fcmMessage) delivery(id string, now time.Time) Delivery {
	left := 28 * 24 * time.Hour
	if d, err := time.ParseDuration(m.Android.TTL); err == nil { // the schema has seen it, unless it is absent
		left = d
	}
	payload, err := json.Marshal(m.Data)
	if err != nil {
		panic("fakepush: data of strings: " + err.Error())
	}
	return Delivery{
		Service: FCM, Address: m.Token, ID: id, Payload: payload, Raw: bytes.Clone(m.raw),
		Collapse: m.Android.CollapseKey, Expires: now.Add(left),
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
