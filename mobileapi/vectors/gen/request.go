package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/countersign/countersign/internal/phonesim"
)

type requestVectors struct {
	head
	Now      int64            `json:"now"` // the server's clock, Unix seconds
	Keys     []keyVector      `json:"keys"`
	Accepted []requestCase    `json:"accepted"`
	Refused  []requestRefusal `json:"refused"`
}

type requestCase struct {
	Name       string    `json:"name"`
	Method     string    `json:"method"`
	Target     string    `json:"target"` // path and query as sent
	Body       string    `json:"body_json"`
	BodySHA256 string    `json:"body_sha256_hex"`
	Device     string    `json:"device"`
	TS         string    `json:"ts"`
	JTIHex     string    `json:"jti_hex"`
	JTI        string    `json:"jti"`
	Message    message   `json:"message"`
	Sig        signature `json:"sig"`
	Header     string    `json:"header"`
}

// requestRefusal is a call that the server must refuse.
type requestRefusal struct {
	Name   string `json:"name"`
	Why    string `json:"why"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Method string `json:"method"`
	Target string `json:"target"`
	Body   string `json:"body_json"`
	Header string `json:"header"`
}

func requestFile() requestVectors {
	opened := "/v1/device/confirmations/" + tapChallenge.cid()
	respond := answer("", "uv", uvKey, tapChallenge, `"dec":"approve","uv":"biometric"`).Body
	list := newRequest("the list of open requests", "GET", "/v1/device/confirmations?state=pending", "", asked+5)
	put := newRequest("a new push address", "PUT", "/v1/device/push", `{"push":{"kind":"fcm","token":"fX3-a_1:APA91b"}}`, asked+9)
	return requestVectors{
		head: head{"The X-Device-Sig header of a call: the poll key signs LP(countersign/request/v1, METHOD, path and query as sent, ts in ASCII decimal, jti as 16 raw bytes, SHA-256(body)). " +
			"A call without a body hashes the empty string. Each jti is accepted once.", encoding, testOnly},
		Now:  asked + 10,
		Keys: []keyVector{pollKey.vector("poll"), uvKey.vector("refused"), stranger.vector("refused"), p384Key.vector("refused")},
		Accepted: []requestCase{
			list,
			newRequest("one request", "GET", opened, "", asked+6),
			newRequest("a long poll of the pairing", "GET", "/v1/device/pairings/"+pairing+"?wait=25&since=claimed", "", asked+1),
			newRequest("seen, without a body", "POST", opened+"/opened", "", asked+7),
			newRequest("seen, with an empty object", "POST", opened+"/opened", "{}", asked+8),
			newRequest("an answer", "POST", opened+"/respond", respond, asked+12),
			put,
			newRequest("the phone leaves", "DELETE", "/v1/device", "", asked+10),
			newRequest("a clock 60 seconds slow", "GET", "/v1/device", "", asked+10-60),
			newRequest("a clock 60 seconds fast", "GET", "/v1/device", "", asked+10+60),
		},
		Refused: requestRefusals(list, put),
	}
}

func newRequest(name, method, target, body string, ts int64) requestCase {
	jti := sha256.Sum256([]byte("jti of " + name))
	h := sha256.Sum256([]byte(body))
	r := requestCase{
		Name: name, Method: method, Target: target, Body: body, BodySHA256: hex.EncodeToString(h[:]), Device: device,
		TS: strconv.FormatInt(ts, 10), JTIHex: hex.EncodeToString(jti[:16]), JTI: phonesim.B64(jti[:16]),
	}
	r.Message = newMessage(phonesim.DomainRequest, text("method", method), text("target", target), text("ts", r.TS), binary("jti", jti[:16]), binary("SHA-256(body)", h[:]))
	r.Sig = pollKey.signature(r.Message)
	r.Header = r.header(r.JTI, r.Sig.DER)
	return r
}

func (r requestCase) header(jti, sig string) string {
	return fmt.Sprintf("v1;dev=%s;ts=%s;jti=%s;sig=%s", r.Device, r.TS, jti, sig)
}

func requestRefusals(get, put requestCase) []requestRefusal {
	m, der := get.Message.bytes(), must(phonesim.Unb64(get.Sig.DER))
	short := must(hex.DecodeString(get.JTIHex))[:15]
	as := func(r requestCase, name, why, header string) requestRefusal {
		return requestRefusal{name, why, 401, "unauthorized", r.Method, r.Target, r.Body, header}
	}
	by := func(k key) string { return get.header(get.JTI, phonesim.B64(k.sign(m))) }
	otherDomain := pollKey.sign(append([]byte(phonesim.DomainResponse), m[len(phonesim.DomainRequest):]...))
	shortSigned := pollKey.sign(phonesim.LP(phonesim.DomainRequest, []byte(get.Method), []byte(get.Target), []byte(get.TS), short, must(hex.DecodeString(get.BodySHA256))))

	method := as(put, "another method", "signed as PUT, sent as POST", put.Header)
	method.Method = "POST"
	target := as(get, "another query", "signed with ?state=pending, sent without", get.Header)
	target.Target = "/v1/device/confirmations"
	body := as(put, "another body", "the body was changed after signing", put.Header)
	body.Body = `{"push":{"kind":"fcm","token":"somebody-else"}}`
	slow := newRequest("a clock 61 seconds slow", "GET", "/v1/device", "", asked+10-61)
	late := as(slow, slow.Name, "the signature holds; the reply tells server_time", slow.Header)
	late.Code = "clock_skew"

	return []requestRefusal{
		as(get, "a raw signature", "r‖s has to be converted to DER", get.header(get.JTI, get.Sig.Raw)),
		as(get, "a trailing byte", "nothing may follow the DER", get.header(get.JTI, phonesim.B64(phonesim.Trailing(der)))),
		as(get, "another domain", "signed under countersign/response/v1", get.header(get.JTI, phonesim.B64(otherDomain))),
		as(get, "the uv key", "requests are signed by the poll key", by(uvKey)),
		as(get, "a stranger's key", "not a key of this phone", by(stranger)),
		as(get, "a P-384 key", "P-256 is the only curve", by(p384Key)),
		as(get, "a jti of 15 bytes", "the signature holds, but a jti has 16 bytes", get.header(phonesim.B64(short), phonesim.B64(shortSigned))),
		as(get, "padded base64url", "no padding, anywhere", get.header(get.JTI+"==", get.Sig.DER)),
		as(get, "another version", "the header begins with v1", "v2"+get.Header[2:]),
		method, target, body, late,
	}
}

type signatureVectors struct {
	head
	Keys     []keyVector     `json:"keys"`
	Accepted []signatureCase `json:"accepted"`
}

type signatureCase struct {
	Name    string    `json:"name"`
	Message string    `json:"message_json"`
	Sig     signature `json:"sig"`
	Length  int       `json:"der_length"`
}

// signatureFile collects the signatures on which a converter between raw and DER usually fails.
func signatureFile() signatureVectors {
	want := []struct {
		name string
		is   func(r, s []byte) bool
	}{
		{"both numbers with the top bit clear", func(r, s []byte) bool { return r[0] < 0x80 && s[0] < 0x80 && r[0] > 0 && s[0] > 0 }},
		{"r with the top bit set: DER puts a zero byte before it", func(r, s []byte) bool { return r[0] >= 0x80 && s[0] < 0x80 && s[0] > 0 }},
		{"s with the top bit set", func(r, s []byte) bool { return r[0] < 0x80 && s[0] >= 0x80 && r[0] > 0 }},
		{"both with the top bit set", func(r, s []byte) bool { return r[0] >= 0x80 && s[0] >= 0x80 }},
		{"r with a leading zero byte: DER drops it", func(r, _ []byte) bool { return r[0] == 0 && r[1] < 0x80 }},
		{"s with a leading zero byte", func(_, s []byte) bool { return s[0] == 0 && s[1] < 0x80 }},
		{"r with a leading zero byte that stays, because the next has its top bit set", func(r, _ []byte) bool { return r[0] == 0 && r[1] >= 0x80 }},
	}
	v := signatureVectors{
		head: head{"P-256 signatures by the uv key over SHA-256(message), each as ASN.1 DER and as r‖s. The wire takes DER. WebCrypto (and CryptoKit's rawRepresentation) give and take r‖s.", encoding, testOnly},
		Keys: []keyVector{uvKey.vector("uv")},
	}
	for _, w := range want {
		for i := 0; ; i++ {
			m := "message " + strconv.Itoa(i)
			der := uvKey.sign([]byte(m))
			raw := must(phonesim.Raw(der))
			if w.is(raw[:32], raw[32:]) {
				v.Accepted = append(v.Accepted, signatureCase{w.name, m, signature{phonesim.B64(der), phonesim.B64(raw)}, len(der)})
				break
			}
		}
	}
	return v
}
