package sso

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	testIssuer   = "https://idp.test/saml"
	testAudience = "https://console.test/v1/workspaces/acme/saml/metadata"
	testACS      = "https://console.test/v1/workspaces/acme/saml/acs"
	testRequest  = "id-AAECAwQFBgcICQoLDA0ODw"
)

// signer signs as a provider does.
type signer struct {
	key    crypto.Signer
	cert   *x509.Certificate
	method string
}

func newSigner(t testing.TB, key crypto.Signer, notAfter time.Time) *signer {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp.test"}, NotBefore: noon.AddDate(-1, 0, 0), NotAfter: notAfter}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s := &signer{key: key, cert: cert, method: dsig.ECDSASHA256SignatureMethod}
	if _, ok := key.(*rsa.PrivateKey); ok {
		s.method = dsig.RSASHA256SignatureMethod
	}
	return s
}

// rsaKey takes a while to make, so the tests share one.
var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func rsaSigner(t testing.TB) *signer {
	t.Helper()
	key, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	return newSigner(t, key, noon.AddDate(1, 0, 0))
}

func ecSigner(t testing.TB) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return newSigner(t, key, noon.AddDate(1, 0, 0))
}

// sign puts a signature of e into it, behind its Issuer.
func (s *signer) sign(t testing.TB, e *etree.Element) {
	t.Helper()
	ctx, err := dsig.NewSigningContext(s.key, [][]byte{s.cert.Raw})
	if err != nil {
		t.Fatal(err)
	}
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	if err := ctx.SetSignatureMethod(s.method); err != nil {
		t.Fatal(err)
	}
	whole, err := detached(e)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := ctx.ConstructSignature(whole, true)
	if err != nil {
		t.Fatal(err)
	}
	e.InsertChildAt(1, sig)
}

// response is an answer as a provider gives it, not yet signed. name is whom it is about.
func response(name string) *etree.Document {
	at := func(d time.Duration) string { return noon.Add(d).Format(time.RFC3339) }
	doc := etree.NewDocument()
	r := doc.CreateElement("samlp:Response")
	r.CreateAttr("xmlns:samlp", protocolNS)
	r.CreateAttr("xmlns:saml", assertionNS)
	set := func(e *etree.Element, pairs ...string) *etree.Element {
		for i := 0; i < len(pairs); i += 2 {
			e.CreateAttr(pairs[i], pairs[i+1])
		}
		return e
	}
	set(r, "ID", "_response", "Version", "2.0", "IssueInstant", at(0), "Destination", testACS, "InResponseTo", testRequest)
	r.CreateElement("saml:Issuer").SetText(testIssuer)
	set(r.CreateElement("samlp:Status").CreateElement("samlp:StatusCode"), "Value", statusSuccess)
	a := set(r.CreateElement("saml:Assertion"), "ID", "_assertion", "Version", "2.0", "IssueInstant", at(0))
	a.CreateElement("saml:Issuer").SetText(testIssuer)
	subject := a.CreateElement("saml:Subject")
	set(subject.CreateElement("saml:NameID"), "Format", "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent").SetText(name)
	set(set(subject.CreateElement("saml:SubjectConfirmation"), "Method", bearer).CreateElement("saml:SubjectConfirmationData"),
		"InResponseTo", testRequest, "Recipient", testACS, "NotOnOrAfter", at(5*time.Minute))
	c := set(a.CreateElement("saml:Conditions"), "NotBefore", at(-time.Minute), "NotOnOrAfter", at(5*time.Minute))
	c.CreateElement("saml:AudienceRestriction").CreateElement("saml:Audience").SetText(testAudience)
	set(a.CreateElement("saml:AuthnStatement"), "AuthnInstant", at(0)).CreateElement("saml:AuthnContext").CreateElement("saml:AuthnContextClassRef").SetText("urn:x")
	set(a.CreateElement("saml:AttributeStatement").CreateElement("saml:Attribute"), "Name", "upn").CreateElement("saml:AttributeValue").SetText(name + "@acme.test")
	return doc
}

func assertionOf(doc *etree.Document) *etree.Element { return doc.FindElement("//saml:Assertion") }

func form(t testing.TB, doc *etree.Document) string {
	t.Helper()
	text, err := doc.WriteToBytes()
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(text)
}

// wanted is what the answers of response are right for, with the keys of these signers.
func wanted(by ...*signer) expected {
	w := expected{issuer: testIssuer, audience: testAudience, address: testACS, request: testRequest, now: noon}
	for _, s := range by {
		w.keys = append(w.keys, s.cert)
	}
	return w
}

func sha(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

// resignEC signs a SignedInfo that was changed, as somebody with the key would.
func (s *signer) resignEC(t *testing.T, sig *etree.Element) {
	t.Helper()
	value, err := s.key.Sign(rand.Reader, sha(canonical(t, sig.FindElement("./SignedInfo"))), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	sig.FindElement("./SignatureValue").SetText(base64.StdEncoding.EncodeToString(value))
}
