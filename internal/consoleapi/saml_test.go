package consoleapi_test

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"encoding/xml"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/getkin/kin-openapi/openapi3filter"
	dsig "github.com/russellhaering/goxmldsig"

	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/workspace"
)

func init() { // the contract is checked of XML too
	openapi3filter.RegisterBodyDecoder("application/samlmetadata+xml", openapi3filter.FileBodyDecoder)
}

// samlProvider is a small SAML provider whose answers a test can bend. Everybody who asks is who it says at the moment.
type samlProvider struct {
	*httptest.Server
	w        *world
	mu       sync.Mutex
	entityID string
	keys     []samlKey         // in its metadata; the first signs
	name     string            // NameID
	claims   map[string]string // attributes
	id       string            // of the assertion; "": a new one
	bend     func(*etree.Element)
	down     bool
	redirect string
	serial   int64
}

type samlKey struct {
	key  *ecdsa.PrivateKey
	cert []byte
}

func (w *world) samlProvider() *samlProvider {
	p := &samlProvider{w: w, claims: map[string]string{}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch {
		case p.down:
			out.WriteHeader(http.StatusBadGateway)
		case p.redirect != "":
			out.Header().Set("Location", p.redirect)
			out.WriteHeader(http.StatusFound)
		default:
			_, _ = io.WriteString(out, p.metadata())
		}
	}))
	w.Cleanup(p.Close)
	p.entityID = p.URL + "/saml"
	p.keys = []samlKey{p.newKey()}
	return p
}

func (p *samlProvider) newKey() samlKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p.w.must(err)
	p.serial++
	template := &x509.Certificate{SerialNumber: big.NewInt(p.serial), Subject: pkix.Name{CommonName: "idp.test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, 20).Add(time.Duration(p.serial) * time.Minute)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	p.w.must(err)
	return samlKey{key, der}
}

func (p *samlProvider) metadata() string {
	keys := ""
	for _, k := range p.keys {
		keys += `<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>` +
			base64.StdEncoding.EncodeToString(k.cert) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`
	}
	return `<?xml version="1.0"?><!-- as providers write it --><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="` + p.entityID + `">
<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` + keys + `
<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="` + p.URL + `/post"/>
<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="` + p.URL + `/sso?tenant=1"/>
</md:IDPSSODescriptor></md:EntityDescriptor>`
}

// samlAsked is a request as the provider reads it.
type samlAsked struct {
	ID          string `xml:"ID,attr"`
	Destination string `xml:"Destination,attr"`
	ACS         string `xml:"AssertionConsumerServiceURL,attr"`
	Issuer      string `xml:"urn:oasis:names:tc:SAML:2.0:assertion Issuer"`
	relay       string
	raw         *url.URL
}

func (p *samlProvider) asked(to string) samlAsked {
	p.w.Helper()
	u, err := url.Parse(to)
	p.w.must(err)
	packed, err := base64.StdEncoding.DecodeString(u.Query().Get("SAMLRequest"))
	p.w.must(err)
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	p.w.must(err)
	var a samlAsked
	p.w.must(xml.Unmarshal(text, &a))
	a.relay, a.raw = u.Query().Get("RelayState"), u
	return a
}

// signedBy says whether a request carries a signature of the certificate's key (SAML bindings §3.4.4.1).
func (a samlAsked) signedBy(certificate string) error {
	block, _ := pem.Decode([]byte(certificate))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return err
	}
	signed, _, _ := strings.Cut(a.raw.RawQuery[strings.Index(a.raw.RawQuery, "SAMLRequest="):], "&Signature=")
	sig, err := base64.StdEncoding.DecodeString(a.raw.Query().Get("Signature"))
	if err != nil || a.raw.Query().Get("SigAlg") != dsig.RSASHA256SignatureMethod {
		return fmt.Errorf("signed with %s: %w", a.raw.Query().Get("SigAlg"), err)
	}
	sum := sha256.Sum256([]byte(signed))
	return rsa.VerifyPKCS1v15(cert.PublicKey.(*rsa.PublicKey), crypto.SHA256, sum[:], sig)
}

// answer is the form with which the provider answers a request.
func (p *samlProvider) answer(to string) url.Values {
	p.w.Helper()
	asked := p.asked(to)
	p.serial++
	id := p.id
	if id == "" {
		id = fmt.Sprintf("_assertion%d", p.serial)
	}
	now := time.Now().UTC()
	at := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
	attributes := ""
	for name, value := range p.claims {
		attributes += `<saml:Attribute Name="` + name + `"><saml:AttributeValue>` + value + `</saml:AttributeValue></saml:Attribute>`
	}
	if attributes != "" {
		attributes = "<saml:AttributeStatement>" + attributes + "</saml:AttributeStatement>"
	}
	doc := etree.NewDocument()
	p.w.must(doc.ReadFromString(`<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r" Version="2.0"
		IssueInstant="` + at(0) + `" Destination="` + asked.ACS + `" InResponseTo="` + asked.ID + `"><saml:Issuer>` + p.entityID + `</saml:Issuer>
		<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>
		<saml:Assertion ID="` + id + `" Version="2.0" IssueInstant="` + at(0) + `"><saml:Issuer>` + p.entityID + `</saml:Issuer><saml:Subject>
		<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">` + p.name + `</saml:NameID>
		<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData InResponseTo="` + asked.ID + `" Recipient="` + asked.ACS +
		`" NotOnOrAfter="` + at(5*time.Minute) + `"/></saml:SubjectConfirmation></saml:Subject>
		<saml:Conditions NotBefore="` + at(-time.Minute) + `" NotOnOrAfter="` + at(5*time.Minute) + `"><saml:AudienceRestriction><saml:Audience>` + asked.Issuer +
		`</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="` + at(0) + `"/>` + attributes + `</saml:Assertion></samlp:Response>`))
	assertion := doc.FindElement("//saml:Assertion")
	if p.bend != nil {
		p.bend(doc.Root())
	}
	ctx, err := dsig.NewSigningContext(p.keys[0].key, [][]byte{p.keys[0].cert})
	p.w.must(err)
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	p.w.must(ctx.SetSignatureMethod(dsig.ECDSASHA256SignatureMethod))
	alone := assertion.Copy()
	alone.CreateAttr("xmlns:saml", "urn:oasis:names:tc:SAML:2.0:assertion")
	sig, err := ctx.ConstructSignature(alone, true)
	p.w.must(err)
	assertion.InsertChildAt(1, sig)
	text, err := doc.WriteToBytes()
	p.w.must(err)
	return url.Values{"SAMLResponse": {base64.StdEncoding.EncodeToString(text)}, "RelayState": {asked.relay}}
}

// posted is a browser that a provider's page makes post a form: it is on another site, so it shows no cookie. It returns where it is sent.
func (w *world) posted(slug string, form url.Values) string {
	w.Helper()
	b := w.browser().with("Origin", "https://idp.test").with("Sec-Fetch-Site", "cross-site").with("Sec-Fetch-Mode", "navigate")
	a := b.send("POST", "/v1/workspaces/"+slug+"/saml/acs", "application/x-www-form-urlencoded", []byte(form.Encode())).is(303)
	if len(a.cookies) > 0 {
		w.Errorf("a form from another site sets the cookies %v", a.cookies)
	}
	return a.header.Get("Location")
}

// follow goes on to where a form has led, with the browser's cookies.
func (b *browser) follow(to string) string {
	b.w.Helper()
	if !strings.HasPrefix(to, "/v1/sso/finish?") {
		return to
	}
	return b.get(to).is(303).header.Get("Location")
}

func (b *browser) begin(slug, returnTo string) string {
	b.w.Helper()
	return b.post("/v1/workspaces/"+slug+"/sso", map[string]any{"return_to": returnTo}).is(200).text("url")
}

// saml signs in at the provider, as whom it says.
func (b *browser) saml(slug string, p *samlProvider) string {
	b.w.Helper()
	return b.follow(b.w.posted(slug, p.answer(b.begin(slug, "/people"))))
}

func samlSettings(changes ...any) map[string]any {
	out := map[string]any{"kind": "saml", "preset": "other", "name": "Acme Login", "claim": "upn", "link_by": "user_name", "jit": false}
	for i := 0; i < len(changes); i += 2 {
		out[changes[i].(string)] = changes[i+1]
	}
	return out
}

// withSAML is a workspace with a SAML provider that has been tested and is active.
func (w *world) withSAML(changes ...any) (workspace.Workspace, *browser, *samlProvider) {
	w.Helper()
	acme := w.workspace("acme", "ana@acme.test")
	p := w.samlProvider()
	ana := w.signedIn("acme", "ana@acme.test")
	ana.post("/v1/identity-provider/certificates", nil).is(201)
	ana.put("/v1/identity-provider", samlSettings(append([]any{"metadata", p.metadata()}, changes...)...)).is(200)
	ana.put("/v1/identity-provider/state", map[string]any{"active": true, "enforced": false}).is(409, "sso_untested")
	p.name, p.claims["upn"] = "name-of-ana", "ana@acme.test"
	ana.tries(p, "")
	ana.put("/v1/identity-provider/state", map[string]any{"active": true, "enforced": false}).is(200)
	return acme.Workspace, ana, p
}

// tries tests the settings, which ends with that code.
func (b *browser) tries(p *samlProvider, code string) {
	b.w.Helper()
	to := b.follow(b.w.posted("acme", p.answer(b.post("/v1/identity-provider/test", nil).is(200).text("url"))))
	if to != "/settings/workspace/idp" {
		b.w.Errorf("after the test the browser goes to %q", to)
	}
	if got := b.get("/v1/identity-provider").is(200); got.at("provider.test.code") != code {
		b.w.Errorf("the test ended with %v, want %q", got.at("provider.test"), code)
	}
}

func TestSigningInWithSAML(t *testing.T) {
	onBoth(t, func(w *world) {
		acme, ana, p := w.withSAML()
		ben := w.person(acme, "ben@acme.test", directory.User)
		p.name, p.claims = "name-of-ben", map[string]string{"upn": "BEN@acme.test"}
		b := w.visited()
		if name := b.get("/v1/workspaces/acme").is(200).text("sso.name"); name != "Acme Login" {
			w.Errorf("the sign-in page offers %q", name)
		}
		planted := w.carrying("countersign", "planted-by-somebody") // session fixation: the session is another one afterwards
		planted.get("/v1/session").is(401, "unauthorized")
		if to := planted.saml("acme", p); to != "/people" {
			w.Fatalf("signed in, and sent to %q", to)
		}
		if v := planted.cookie("countersign"); v == "" || v == "planted-by-somebody" {
			w.Errorf("the session after signing in is %q", v)
		}
		if a := planted.get("/v1/session").is(200); a.text("person.id") != ben.ID {
			w.Errorf("signed in as %s", a.raw)
		}
		if m := planted.get("/v1/sessions").is(200).text("items.0.method"); m != "saml" {
			w.Errorf("the method is %q", m)
		}

		p.claims["upn"] = "benjamin@acme.test" // renamed there: still the same person, and the difference is shown
		if to := b.saml("acme", p); to != "/people" {
			w.Errorf("after the rename: %q", to)
		}
		links := ana.get("/v1/people/" + ben.ID + "/sso").is(200)
		if links.text("items.0.claim") != "benjamin@acme.test" || links.at("items.0.matches") != false || links.text("items.0.subject") != "name-of-ben" {
			w.Errorf("linked: %s", links.raw)
		}

		p.name, p.claims["upn"] = "name-of-nobody", "nobody@acme.test"
		if to := w.visited().saml("acme", p); to != "/w/acme?sso_error=sso_unknown_person" {
			w.Errorf("somebody unknown goes to %q", to)
		}
		ana.put("/v1/identity-provider", samlSettings("jit", true)).is(200) // nothing that a sign-in depends on
		if to := w.visited().saml("acme", p); to != "/people" {
			w.Errorf("somebody new, where that is wanted, goes to %q", to)
		}
		ana.patch("/v1/people/"+ben.ID, map[string]any{"active": false}).is(200)
		p.name, p.claims["upn"] = "another-name-of-ben", "ben@acme.test"
		if to := w.visited().saml("acme", p); to != "/w/acme?sso_error=deactivated" {
			w.Errorf("somebody deactivated goes to %q", to)
		}

		record := ana.post("/v1/identity-provider/domains", map[string]any{"domain": "acme.test"}).is(201)
		w.txt = []string{record.text("record")}
		ana.post("/v1/identity-provider/domains/acme.test/prove", nil).is(200)
		ana.put("/v1/identity-provider/state", map[string]any{"active": true, "enforced": true}).is(200)
		w.person(acme, "dora@acme.test", directory.User)
		w.browser().post("/v1/session", map[string]any{"workspace": "acme", "email": "dora@acme.test", "password": password}).is(403, "sso_required")
		w.signedIn("acme", "ana@acme.test") // the Owner
	})
}

func TestRequestsToASAMLProviderAreSigned(t *testing.T) {
	onBoth(t, func(w *world) {
		_, ana, p := w.withSAML()
		party := func() answer { return ana.get("/v1/identity-provider").is(200) }
		asked := p.asked(w.visited().begin("acme", "/"))
		if asked.Destination != p.URL+"/sso?tenant=1" || asked.ACS != consoleOrigin+"/v1/workspaces/acme/saml/acs" || asked.Issuer != consoleOrigin+"/v1/workspaces/acme/saml/metadata" {
			w.Errorf("asked %+v", asked)
		}
		first := party().text("saml.certificates.0.pem")
		if err := asked.signedBy(first); err != nil {
			w.Errorf("the request: %v", err)
		}
		if text := w.document("/v1/workspaces/acme/saml/metadata"); !strings.Contains(text, oneLine(first)) || !strings.Contains(text, `AuthnRequestsSigned="true"`) ||
			!strings.Contains(text, `WantAssertionsSigned="true"`) || !strings.Contains(text, asked.ACS) || strings.Contains(text, "encryption") {
			w.Errorf("metadata:\n%s", text)
		}
		if strings.Contains(party().raw, "PRIVATE") {
			w.Error("a key is shown")
		}

		ana.post("/v1/identity-provider/certificates/use", nil).is(409, "saml_no_next_key")
		next := ana.post("/v1/identity-provider/certificates", nil).is(201)
		ana.post("/v1/identity-provider/certificates", nil).is(409, "saml_key_waiting")
		if next.at("certificates.0.signs") != true || next.at("certificates.1.signs") != false {
			w.Errorf("beside each other: %s", next.raw)
		}
		second := next.text("certificates.1.pem")
		if text := w.document("/v1/workspaces/acme/saml/metadata"); !strings.Contains(text, oneLine(first)) || !strings.Contains(text, oneLine(second)) {
			w.Errorf("during the rollover the metadata is\n%s", text)
		}
		if err := p.asked(w.visited().begin("acme", "/")).signedBy(first); err != nil {
			w.Errorf("the next key signs already: %v", err)
		}
		if a := ana.post("/v1/identity-provider/certificates/use", nil).is(200); a.at("certificates.1") != nil {
			w.Errorf("afterwards: %s", a.raw)
		}
		if err := p.asked(w.visited().begin("acme", "/")).signedBy(second); err != nil {
			w.Errorf("after the rollover: %v", err)
		}
		if to := w.visited().saml("acme", p); to != "/people" {
			w.Errorf("after the rollover: %q", to)
		}

		w.workspace("evil", "eve@evil.test")
		eve := w.signedIn("evil", "eve@evil.test")
		w.browser().get("/v1/workspaces/evil/saml/metadata").is(404, "sso_not_configured") // no key yet
		eve.put("/v1/identity-provider", samlSettings("metadata", p.metadata())).is(200)
		if text := w.document("/v1/workspaces/evil/saml/metadata"); strings.Contains(text, oneLine(second)) {
			w.Error("two workspaces have one key")
		}
		w.browser().get("/v1/workspaces/nobody/saml/metadata").is(404, "not_found")
		w.person(workspaceOf(w, "acme"), "ben@acme.test", directory.Admin)
		ben := w.signedIn("acme", "ben@acme.test")
		for _, path := range []string{"certificates", "certificates/use", "metadata"} {
			ben.post("/v1/identity-provider/"+path, nil).is(403, "forbidden")
		}
		w.ahead.Store(int64(6 * time.Minute))
		for _, path := range []string{"certificates", "certificates/use", "metadata"} {
			ana.post("/v1/identity-provider/"+path, nil).is(403, "reauthentication_required")
		}
	})
}

func workspaceOf(w *world, slug string) workspace.Workspace {
	w.Helper()
	found, err := workspace.BySlug(w.db.Read(w.Context()), slug)
	w.must(err)
	return found
}

func oneLine(certificate string) string {
	block, _ := pem.Decode([]byte(certificate))
	return base64.StdEncoding.EncodeToString(block.Bytes)
}

// document is a text that anybody can read.
func (w *world) document(path string) string {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), http.MethodGet, w.server.URL+path, nil)
	w.must(err)
	res, err := w.server.Client().Do(req)
	w.must(err)
	text, err := io.ReadAll(res.Body)
	w.must(err)
	w.must(res.Body.Close())
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/samlmetadata+xml" {
		w.Errorf("%s: %d %s", path, res.StatusCode, res.Header.Get("Content-Type"))
	}
	w.keepsContract(req, nil, res, text)
	return string(text)
}

func TestAnswersOfASAMLProviderThatAreRefused(t *testing.T) {
	onBoth(t, func(w *world) {
		_, ana, p := w.withSAML()
		w.workspace("evil", "eve@evil.test")
		eve := w.signedIn("evil", "eve@evil.test")
		eve.post("/v1/identity-provider/certificates", nil).is(201)
		eve.put("/v1/identity-provider", samlSettings("metadata", p.metadata())).is(200)
		const refused, over = "/w/acme?sso_error=sso_refused", "/signin?sso_error=sso_over"
		here := w.visited()
		try := func(what, want string, got string) {
			w.Helper()
			if got != want {
				w.Errorf("%s: goes to %q, want %q", what, got, want)
			}
			here.get("/v1/session").is(401, "unauthorized")
		}
		ask := func() string { return here.begin("acme", "/people") }

		// InResponseTo: the answer to another request, swapped in.
		mine, other := p.answer(ask()), p.answer(w.visited().begin("acme", "/"))
		mine.Set("SAMLResponse", other.Get("SAMLResponse"))
		try("another request's answer", refused, here.follow(w.posted("acme", mine)))
		// Two workspaces at one provider: the answer for one is nothing in the other.
		theirs := p.answer(eve.post("/v1/identity-provider/test", nil).is(200).text("url"))
		mine = p.answer(ask())
		try("an answer for another workspace", refused, here.follow(w.posted("acme", url.Values{"SAMLResponse": theirs["SAMLResponse"], "RelayState": mine["RelayState"]})))
		try("an answer at another workspace's address", over, here.follow(w.posted("evil", p.answer(ask()))))
		// Single use.
		mine = p.answer(ask())
		w.posted("acme", mine)
		try("the same form a second time", over, here.follow(w.posted("acme", mine)))
		p.id = "_the_same"
		first := w.posted("acme", p.answer(ask())) // taken, and never fetched
		try("an assertion that was taken before", refused, here.follow(w.posted("acme", p.answer(ask()))))
		p.id = ""
		// The provider begins by itself, or somebody makes a browser post.
		unasked := p.answer(ask())
		unasked.Del("RelayState")
		try("without a request", over, here.follow(w.posted("acme", unasked)))
		for _, relay := range []string{"https://evil.test/", "//evil.test", "javascript:alert(1)", "\x00\xff", strings.Repeat("a", 100000)} {
			unasked.Set("RelayState", relay)
			try("RelayState "+relay[:min(20, len(relay))], over, here.follow(w.posted("acme", unasked)))
		}
		try("a form without anything", over, here.follow(w.posted("acme", url.Values{})))
		try("a very long form", over, here.follow(w.posted("acme", url.Values{"SAMLResponse": {strings.Repeat("A", 500<<10)}, "RelayState": p.answer(ask())["RelayState"]})))
		junk := p.answer(ask())
		junk.Set("SAMLResponse", "%%%")
		try("no XML", refused, here.follow(w.posted("acme", junk)))

		// Login CSRF: a browser that did not begin gets nothing, and nobody else does afterwards.
		to := w.posted("acme", p.answer(ask()))
		victim := w.visited()
		try("in another browser", over, victim.follow(to))
		victim.get("/v1/session").is(401, "unauthorized")
		try("afterwards in the right one", over, here.follow(to))
		try("in a browser without cookies", over, w.browser().follow(w.posted("acme", p.answer(ask()))))
		try("a handover that nobody made", over, here.follow("/v1/sso/finish?handover=AAAA"))
		// What waits for one thing is not good for another.
		state := p.asked(ask()).relay
		try("a request as a handover", over, here.follow("/v1/sso/finish?handover="+state))
		try("a SAML request at the callback of OpenID Connect", over, here.back(url.Values{"state": {state}, "code": {"x"}}))
		to = w.posted("acme", p.answer(ask()))
		try("a handover at that callback", over, here.back(url.Values{"state": {strings.TrimPrefix(to, "/v1/sso/finish?handover=")}, "code": {"x"}}))

		p.bend = func(r *etree.Element) {
			r.FindElement("./Status/StatusCode").CreateAttr("Value", "urn:oasis:names:tc:SAML:2.0:status:Responder")
			r.RemoveChild(r.FindElement("./Assertion"))
		}
		try("refused by the provider", "/w/acme?sso_error=sso_cancelled", here.follow(w.posted("acme", p.answer(ask()))))
		p.bend = nil

		slow, late := p.answer(ask()), w.posted("acme", p.answer(ask()))
		w.ahead.Store(int64(time.Minute))
		try("a handover after a minute", over, here.follow(late))
		w.ahead.Store(int64(8 * time.Minute))
		try("an assertion that has expired", refused, here.follow(w.posted("acme", slow)))
		w.ahead.Store(0)
		slow = p.answer(ask())
		w.ahead.Store(int64(10 * time.Minute))
		try("after ten minutes", over, here.follow(w.posted("acme", slow)))
		w.must(w.signIn.SSO.Sweep(w.Context()))
		w.ahead.Store(0)

		waiting, to := p.answer(ask()), w.posted("acme", p.answer(ask()))
		ana.put("/v1/identity-provider", samlSettings("claim", "mail")).is(200)
		try("settings changed before the answer", over, here.follow(w.posted("acme", waiting)))
		try("settings changed before the end", over, here.follow(to))
		try("taken before, and never fetched", over, here.follow(first))
		if n := len(ana.get("/v1/people").is(200).texts("items", "id")); n != 1 {
			w.Errorf("%d people", n)
		}
		var open int64
		w.must(w.db.Read(w.Context()).Table("sign_ins").Where("method = ?", "saml").Count(&open).Error)
		if open != 0 {
			w.Errorf("%d people were signed in", open)
		}
	})
}

func TestOnlyTheACSTakesAFormFromAnotherSite(t *testing.T) {
	w := newWorld(t, "sqlite", consoleOrigin)
	w.withSAML()
	elsewhere := w.browser().with("Origin", "https://idp.test").with("Sec-Fetch-Site", "cross-site")
	for _, path := range []string{"/v1/session", "/v1/workspaces/acme/sso", "/v1/identity-provider/test", "/v1/identity-provider/certificates"} {
		elsewhere.send("POST", path, "application/x-www-form-urlencoded", []byte("SAMLResponse=x")).is(403, "cross_origin")
	}
	if to := w.posted("acme", url.Values{"RelayState": {"x"}}); to != "/signin?sso_error=sso_over" {
		w.Errorf("the ACS sends to %q", to)
	}
}

func TestWhyATestOfSAMLFailedIsShown(t *testing.T) {
	w := newWorld(t, "sqlite", consoleOrigin)
	_, ana, p := w.withSAML()
	text := func(path, value string) func(*etree.Element) {
		return func(r *etree.Element) { r.FindElement(path).SetText(value) }
	}
	for code, bend := range map[string]func(*etree.Element){
		"saml_audience": text(".//Audience", "https://somebody.else"),
		"saml_issuer":   text("./Assertion/Issuer", "https://somebody.else"),
		"saml_subject":  text(".//NameID", ""),
		"saml_time": func(r *etree.Element) {
			r.FindElement(".//Conditions").CreateAttr("NotOnOrAfter", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
		},
		"claim_missing": func(r *etree.Element) { r.FindElement(".//Attribute").CreateAttr("Name", "other") },
		"saml_form":     func(r *etree.Element) { r.CreateAttr("Version", "1.1") },
	} {
		p.bend = bend
		ana.tries(p, code)
	}
	p.bend, p.keys = nil, []samlKey{p.newKey()}
	ana.tries(p, "saml_signature")
}

func TestMetadataOfASAMLProvider(t *testing.T) {
	onBoth(t, func(w *world) {
		_, ana, p := w.withSAML()
		person := func() string { return w.visited().saml("acme", p) }
		shown := func() answer { return ana.get("/v1/identity-provider").is(200) }
		if a := shown(); a.text("provider.issuer") != p.entityID || a.text("provider.saml.sso_url") != p.URL+"/sso?tenant=1" || a.text("provider.saml.certificates.0.fingerprint") == "" ||
			a.text("provider.saml.metadata_url") != "" {
			w.Errorf("shown: %s", a.raw)
		}
		// By file: a rollover with two certificates goes on, other keys alone are another provider's.
		old := p.keys[0]
		p.keys = []samlKey{old, p.newKey()}
		if a := ana.put("/v1/identity-provider", samlSettings("metadata", p.metadata())).is(200); a.at("active") != true {
			w.Errorf("with the next certificate too: %s", a.raw)
		}
		p.keys[0], p.keys[1] = p.keys[1], old
		if to := person(); to != "/people" {
			w.Errorf("signed with the next one: %q", to)
		}
		p.keys = p.keys[:1]
		if a := ana.put("/v1/identity-provider", samlSettings("metadata", p.metadata())).is(200); a.at("active") != true || a.at("saml.certificates.1") != nil {
			w.Errorf("without the one before: %s", a.raw)
		}
		p.keys = []samlKey{old}
		if to := person(); to != "/w/acme?sso_error=sso_refused" {
			w.Errorf("signed with the one before: %q", to)
		}
		p.keys = []samlKey{p.newKey()}
		if a := ana.put("/v1/identity-provider", samlSettings("metadata", p.metadata())).is(200); a.at("active") != false || a.at("test") != nil {
			w.Errorf("with other keys alone: %s", a.raw)
		}
		ana.tries(p, "")

		// By address: read again in the background, and what does not answer changes nothing.
		byURL := samlSettings("metadata_url", p.URL)
		if a := ana.put("/v1/identity-provider", byURL).is(200); a.text("saml.metadata_url") != p.URL || a.text("saml.read_at") == "" {
			w.Errorf("by address: %s", a.raw)
		}
		ana.put("/v1/identity-provider/state", map[string]any{"active": true, "enforced": false}).is(200)
		p.change(func() { p.keys = []samlKey{p.newKey()} })
		w.must(w.signIn.SSO.Refresh(w.Context())) // not due
		if to := person(); to != "/w/acme?sso_error=sso_refused" {
			w.Errorf("before it was read again: %q", to)
		}
		w.ahead.Store(int64(time.Hour + time.Minute))
		p.change(func() { p.down = true })
		w.must(w.signIn.SSO.Refresh(w.Context()))
		w.ahead.Store(0)
		if a := shown(); a.text("provider.saml.fault") != "metadata_unreachable" || a.at("provider.active") != true {
			w.Errorf("while it is down: %s", a.raw)
		}
		ana.post("/v1/identity-provider/metadata", nil).is(422, "metadata_unreachable")
		ana.put("/v1/identity-provider", byURL).is(200) // a name can be changed all the same
		p.change(func() { p.down, p.redirect = false, "http://169.254.169.254/latest/meta-data" })
		ana.post("/v1/identity-provider/metadata", nil).is(422, "metadata_unreachable")
		p.change(func() { p.redirect = "" })
		w.ahead.Store(int64(2*time.Hour + 2*time.Minute))
		w.must(w.signIn.SSO.Refresh(w.Context()))
		w.ahead.Store(0)
		if a := shown(); a.text("provider.saml.fault") != "" || a.at("provider.active") != true {
			w.Errorf("when it is back: %s", a.raw)
		}
		if to := person(); to != "/people" {
			w.Errorf("with the key that was read in the background: %q", to)
		}
		p.change(func() { p.down = true })
		w.visited().post("/v1/workspaces/acme/sso", map[string]any{"return_to": "/"}).is(503, "sso_unreachable")
		w.visited().post("/v1/workspaces/acme/sso", map[string]any{"return_to": "/", "anyway": true}).is(200)
		p.change(func() { p.down = false })
		was := p.entityID
		p.change(func() { p.entityID = "https://somebody.else" })
		w.ahead.Store(int64(4 * time.Hour))
		w.must(w.signIn.SSO.Refresh(w.Context()))
		w.ahead.Store(0)
		if a := shown(); a.text("provider.issuer") != was || a.text("provider.saml.fault") != "bad_identity_provider" {
			w.Errorf("another provider at that address: %s", a.raw)
		}
		p.change(func() { p.entityID = was })
		if a := ana.post("/v1/identity-provider/metadata", nil).is(200); a.text("saml.fault") != "" || a.text("saml.metadata_url") != p.URL {
			w.Errorf("read now: %s", a.raw)
		}

		for what, change := range map[string][]any{
			"no XML":                {"metadata", "{}"},
			"a document type":       {"metadata", "<!DOCTYPE x>" + p.metadata()},
			"too much":              {"metadata", strings.Replace(p.metadata(), "<md:IDPSSO", strings.Repeat(" ", 600<<10)+"<md:IDPSSO", 1)},
			"a service's":           {"metadata", w.document("/v1/workspaces/acme/saml/metadata")},
			"plain http far away":   {"metadata", strings.ReplaceAll(p.metadata(), p.URL+"/sso", "ftp://idp.test/sso")},
			"no key":                {"metadata", strings.ReplaceAll(p.metadata(), `use="signing"`, `use="encryption"`)},
			"a key that is none":    {"metadata", strings.Replace(p.metadata(), "<ds:X509Certificate>", "<ds:X509Certificate>AAAA", 1)},
			"only the POST binding": {"metadata", strings.Replace(p.metadata(), "HTTP-Redirect", "HTTP-Artifact", 1)},
			"expired":               {"metadata", strings.Replace(p.metadata(), "entityID=", `validUntil="2020-01-01T00:00:00Z" entityID=`, 1)},
			"a file and an address": {"metadata", p.metadata(), "metadata_url", p.URL},
			"a file address":        {"metadata_url", "file:///etc/passwd"},
			"another kind":          {"kind", "ldap"},
			"an issuer of its own":  {"issuer", "https://idp.test"},
		} {
			if a := ana.put("/v1/identity-provider", samlSettings(change...)); a.status != 400 || a.text("field") == "" {
				w.Errorf("%s: %d %s", what, a.status, a.raw)
			}
		}
		if a := shown(); a.at("provider.active") != true {
			w.Errorf("what was refused changed something: %s", a.raw)
		}
		o := newProvider(w.T) // and to OpenID Connect, for which a secret is needed
		ana.put("/v1/identity-provider", settings(o, "client_secret", "")).is(400, "bad_identity_provider")
		if a := ana.put("/v1/identity-provider", settings(o)).is(200); a.at("active") != false || a.text("kind") != "oidc" || a.at("saml") != nil {
			w.Errorf("another protocol: %s", a.raw)
		}
	})
}

// change does what the provider's pages must not see half done.
func (p *samlProvider) change(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
}

// The admins hear of a certificate's end before nobody can sign in any more, once at each step.
func TestAdminsAreToldBeforeACertificateEnds(t *testing.T) {
	onBoth(t, func(w *world) {
		acme, ana, p := w.withSAML() // the provider's certificate ends in 20 days, the console's own in three years
		w.person(acme, "ben@acme.test", directory.Admin)
		w.person(acme, "dora@acme.test", directory.User)
		warned := 0
		told := func(after time.Duration, who string, want ...string) {
			w.Helper()
			w.ahead.Store(int64(after))
			w.must(w.signIn.WarnOfCertificates(w.Context()))
			w.ahead.Store(int64(after + 61*time.Minute)) // it looks once an hour
			w.must(w.signIn.WarnOfCertificates(w.Context()))
			kinds := w.signedIn("acme", who).get("/v1/notices").is(200).texts("items", "kind")
			fresh := kinds[:len(kinds)-warned]
			slices.Sort(fresh)
			if !slices.Equal(fresh, want) {
				w.Errorf("after %v %s is told %v, want %v", after, who, fresh, want)
			}
			warned += len(fresh)
		}
		const day = 24 * time.Hour
		told(0, "ana@acme.test", "sso.certificate_expiring")
		told(3*time.Hour, "ben@acme.test")
		told(10*day, "ana@acme.test", "sso.certificate_expiring")
		told(19*day+12*time.Hour, "ben@acme.test", "sso.certificate_expiring")
		told(21*day, "ana@acme.test", "sso.certificate_expired")
		told(22*day, "ana@acme.test")
		if kinds := w.signedIn("acme", "dora@acme.test").get("/v1/notices").is(200).texts("items", "kind"); len(kinds) > 0 {
			w.Errorf("a user is told %v", kinds)
		}
		w.ahead.Store(0)
		p.keys = append(p.keys, p.newKey()) // the rollover: the newest counts
		ana.put("/v1/identity-provider", samlSettings("metadata", p.metadata())).is(200)
		told(3*365*day-20*day, "ana@acme.test", "sso.certificate_expired", "sso.key_expiring")
		told(3*365*day+2*day, "ana@acme.test", "sso.key_expired")
		w.ahead.Store(0)
		ana.put("/v1/identity-provider/state", map[string]any{"active": false, "enforced": false}).is(200)
		told(4*365*day, "ana@acme.test")
	})
}

func TestMetadataIsNotReadFromPrivateAddresses(t *testing.T) {
	w := newWorld(t, "sqlite", "https://console.test")
	w.workspace("acme", "ana@acme.test")
	ana := w.signedIn("acme", "ana@acme.test")
	for _, from := range []string{"https://127.0.0.1:1/", "https://localhost:1/", "https://[::1]:1/", "https://[::ffff:127.0.0.1]:1/", "https://10.0.0.1/", "https://169.254.169.254/latest"} {
		ana.put("/v1/identity-provider", samlSettings("metadata_url", from)).is(422, "metadata_unreachable")
	}
	for _, issuer := range []string{"https://127.0.0.1:1", "https://localhost", "https://10.0.0.1/tenant", "https://[::1]", "https://metadata.google.internal", "https://idp"} {
		body := map[string]any{"issuer": issuer}
		for k, v := range entra {
			body[k] = v
		}
		if a := ana.put("/v1/identity-provider", body).is(400, "bad_identity_provider"); a.text("field") != "issuer" {
			w.Errorf("the issuer %s: %s", issuer, a.raw)
		}
	}
	if a := ana.put("/v1/identity-provider", samlSettings("metadata_url", "http://idp.test/")); a.status != 400 || a.text("field") != "metadata_url" {
		w.Errorf("plain http: %d %s", a.status, a.raw)
	}
}
