package sso

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// refusedWith demands that a response is refused, for one reason.
func refusedWith(t *testing.T, what, code string, err error) {
	t.Helper()
	var r *refusal
	if !errors.As(err, &r) || r.code != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

func TestASignedAnswerIsRead(t *testing.T) {
	ec, other, rs := ecSigner(t), ecSigner(t), rsaSigner(t)
	for _, c := range []struct {
		what string
		sign func(doc *etree.Document)
		keys []*signer
	}{
		{"the assertion is signed", func(d *etree.Document) { ec.sign(t, assertionOf(d)) }, []*signer{ec}},
		{"the response is signed", func(d *etree.Document) { ec.sign(t, d.Root()) }, []*signer{ec}},
		{"both are signed", func(d *etree.Document) { ec.sign(t, assertionOf(d)); ec.sign(t, d.Root()) }, []*signer{ec}},
		{"with RSA", func(d *etree.Document) { rs.sign(t, assertionOf(d)) }, []*signer{rs}},
		{"with the second of two keys", func(d *etree.Document) { ec.sign(t, assertionOf(d)) }, []*signer{other, ec}},
		{"without saying with which key", func(d *etree.Document) {
			ec.sign(t, assertionOf(d))
			sig := d.FindElement("//Signature")
			sig.RemoveChild(sig.FindElement("./KeyInfo"))
		}, []*signer{other, ec}},
	} {
		doc := response("ben")
		c.sign(doc)
		a, err := readResponse(form(t, doc), wanted(c.keys...))
		if err != nil || a.Subject.NameID.Value != "ben" || a.attribute("upn") != "ben@acme.test" || !a.until.Equal(noon.Add(5*time.Minute+clockSkew)) {
			t.Errorf("%s: %v %+v", c.what, err, a)
		}
	}
}

func TestAnswersThatAreForSomethingElseOrForAnotherTime(t *testing.T) {
	s := ecSigner(t)
	set := func(path, attr, value string) func(*etree.Document) {
		return func(d *etree.Document) { d.FindElement(path).CreateAttr(attr, value) }
	}
	text := func(path, value string) func(*etree.Document) {
		return func(d *etree.Document) { d.FindElement(path).SetText(value) }
	}
	remove := func(path string) func(*etree.Document) {
		return func(d *etree.Document) { e := d.FindElement(path); e.Parent().RemoveChild(e) }
	}
	at := func(d time.Duration) string { return noon.Add(d).Format(time.RFC3339) }
	const data, conditions = "//saml:SubjectConfirmationData", "//saml:Conditions"
	for _, c := range []struct {
		what, code string
		change     func(*etree.Document) // before it is signed
	}{
		{"for another audience", badAddress, text("//saml:Audience", "https://other.test")},
		{"for another workspace", badAddress, text("//saml:Audience", strings.Replace(testAudience, "acme", "evil", 1))},
		{"for everybody", badAddress, remove("//saml:AudienceRestriction")},
		{"for two audiences at once, one of them another", badAddress, func(d *etree.Document) {
			d.FindElement(conditions).CreateElement("saml:AudienceRestriction").CreateElement("saml:Audience").SetText("https://other.test")
		}},
		{"without conditions", badAddress, remove(conditions)},
		{"sent to another address", badAddress, set("//samlp:Response", "Destination", "https://other.test/acs")},
		{"to be brought to another address", badAddress, set(data, "Recipient", strings.Replace(testACS, "acme", "evil", 1))},
		{"to be brought anywhere", badAddress, func(d *etree.Document) { d.FindElement(data).RemoveAttr("Recipient") }},
		{"to another request", badRequest, set("//samlp:Response", "InResponseTo", "id-other")},
		{"whose assertion is to another request", badRequest, set(data, "InResponseTo", "id-other")},
		{"whose assertion is to no request", badRequest, func(d *etree.Document) { d.FindElement(data).RemoveAttr("InResponseTo") }},
		{"to no request", badRequest, func(d *etree.Document) { d.Root().RemoveAttr("InResponseTo") }},
		{"of another provider", badIssuer, text("//saml:Assertion/saml:Issuer", "https://other.test")},
		{"in another provider's name", badIssuer, text("//samlp:Response/saml:Issuer", "https://other.test")},
		{"that has expired", badTime, set(data, "NotOnOrAfter", at(-clockSkew))},
		{"whose conditions have expired", badTime, set(conditions, "NotOnOrAfter", at(-clockSkew))},
		{"that is not valid yet", badTime, set(conditions, "NotBefore", at(clockSkew+time.Second))},
		{"without an end", badTime, func(d *etree.Document) { d.FindElement(data).RemoveAttr("NotOnOrAfter") }},
		{"with an end that is no time", badTime, set(data, "NotOnOrAfter", "tomorrow")},
		{"of a session that is over", badTime, set("//saml:AuthnStatement", "SessionNotOnOrAfter", at(-time.Hour))},
		{"that no browser may bring", badForm, set("//saml:SubjectConfirmation", "Method", "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key")},
		{"without a confirmation", badForm, remove("//saml:SubjectConfirmation")},
		{"that says nothing of signing in", badForm, remove("//saml:AuthnStatement")},
		{"of SAML 1.1", badForm, set("//samlp:Response", "Version", "1.1")},
	} {
		for _, signed := range []string{"the assertion", "the response"} {
			doc := response("ben")
			c.change(doc)
			if signed == "the response" {
				s.sign(t, doc.Root())
			} else {
				s.sign(t, assertionOf(doc))
			}
			_, err := readResponse(form(t, doc), wanted(s))
			refusedWith(t, "an answer "+c.what+", "+signed+" is signed", c.code, err)
		}
	}
	for _, c := range []struct {
		what   string
		change func(*etree.Document)
	}{
		{"expired within the skew", set(data, "NotOnOrAfter", at(time.Second-clockSkew))},
		{"not valid yet within the skew", set(conditions, "NotBefore", at(clockSkew))},
		{"with fractions of a second", set(data, "NotOnOrAfter", noon.Add(time.Minute).Format("2006-01-02T15:04:05.0000000Z"))},
		{"without a destination", func(d *etree.Document) { d.Root().RemoveAttr("Destination") }},
		{"without an issuer of the response", remove("//samlp:Response/saml:Issuer")},
	} {
		doc := response("ben")
		c.change(doc)
		s.sign(t, assertionOf(doc))
		if _, err := readResponse(form(t, doc), wanted(s)); err != nil {
			t.Errorf("an answer %s: %v", c.what, err)
		}
	}
	doc := response("ben")
	doc.FindElement("//samlp:StatusCode").CreateAttr("Value", "urn:oasis:names:tc:SAML:2.0:status:Responder")
	doc.Root().RemoveChild(assertionOf(doc))
	if _, err := readResponse(form(t, doc), wanted(s)); !errors.Is(err, ErrCancelled) {
		t.Errorf("the provider says no: %v", err)
	}
}

func TestOnlyAKeyOfTheMetadataSigns(t *testing.T) {
	s, other := ecSigner(t), ecSigner(t)
	old := newSigner(t, s.key, noon.Add(-time.Hour))
	signed := func(by *signer) *etree.Document {
		doc := response("ben")
		by.sign(t, assertionOf(doc))
		return doc
	}
	if _, err := readResponse(form(t, response("ben")), wanted(s)); err == nil {
		t.Error("an answer that is not signed was read")
	}
	_, err := readResponse(form(t, signed(other)), wanted(s))
	refusedWith(t, "another key", badSignature, err)
	_, err = readResponse(form(t, signed(old)), wanted(old))
	refusedWith(t, "a certificate that has expired", badSignature, err)
	doc := signed(s)
	doc.FindElement("//saml:NameID").SetText("ana")
	_, err = readResponse(form(t, doc), wanted(s))
	refusedWith(t, "changed after it was signed", badSignature, err)
	doc = signed(s)
	other.sign(t, doc.Root())
	_, err = readResponse(form(t, doc), wanted(s))
	refusedWith(t, "the response signed by another key around a good assertion", badSignature, err)

	rs := rsaSigner(t)
	for what, change := range map[string]func(sig *etree.Element){
		"none": func(sig *etree.Element) {
			sig.FindElement(".//SignatureMethod").CreateAttr("Algorithm", "none")
			sig.FindElement(".//SignatureValue").SetText("")
		},
		"HMAC with the public key": func(sig *etree.Element) {
			sig.FindElement(".//SignatureMethod").CreateAttr("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
			mac := hmac.New(sha256.New, rs.cert.RawSubjectPublicKeyInfo)
			mac.Write(canonical(t, sig.FindElement("./SignedInfo")))
			sig.FindElement(".//SignatureValue").SetText(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		},
		"SHA-1": func(sig *etree.Element) {
			sig.FindElement(".//SignatureMethod").CreateAttr("Algorithm", dsig.RSASHA1SignatureMethod)
			resign(t, sig, rs.key, crypto.SHA1)
		},
		"SHA-1 as the digest": func(sig *etree.Element) {
			sig.FindElement(".//DigestMethod").CreateAttr("Algorithm", "http://www.w3.org/2000/09/xmldsig#sha1")
			resign(t, sig, rs.key, crypto.SHA256)
		},
		"another canonical form": func(sig *etree.Element) {
			sig.FindElement(".//CanonicalizationMethod").CreateAttr("Algorithm", string(dsig.CanonicalXML11AlgorithmId))
			resign(t, sig, rs.key, crypto.SHA256)
		},
		"a transform more": func(sig *etree.Element) {
			sig.FindElement(".//Transforms").CreateElement("ds:Transform").CreateAttr("Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116")
			resign(t, sig, rs.key, crypto.SHA256)
		},
		"no canonical form": func(sig *etree.Element) {
			all := sig.FindElement(".//Transforms")
			all.RemoveChild(all.ChildElements()[1])
			resign(t, sig, rs.key, crypto.SHA256)
		},
	} {
		doc := signed(rs)
		change(doc.FindElement("//Signature"))
		_, err := readResponse(form(t, doc), wanted(rs))
		refusedWith(t, what, badSignature, err)
	}
}

func canonical(t *testing.T, e *etree.Element) []byte {
	t.Helper()
	alone, err := detached(e)
	if err != nil {
		t.Fatal(err)
	}
	text, err := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(alone)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// resign signs a SignedInfo that was changed, as somebody with the key would.
func resign(t *testing.T, sig *etree.Element, key crypto.Signer, with crypto.Hash) {
	t.Helper()
	h := with.New()
	h.Write(canonical(t, sig.FindElement("./SignedInfo")))
	value, err := key.Sign(rand.Reader, h.Sum(nil), with)
	if err != nil {
		t.Fatal(err)
	}
	sig.FindElement("./SignatureValue").SetText(base64.StdEncoding.EncodeToString(value))
}

// TestSignatureWrapping moves what was signed to where it is verified and not read, and puts what was not signed where it is read: the eight
// known ways, and some of their relatives.
func TestSignatureWrapping(t *testing.T) {
	s := ecSigner(t)
	evil := func(id string) *etree.Element { // an assertion that nobody signed
		a := assertionOf(response("ana")).Copy()
		a.CreateAttr("ID", id)
		return a
	}
	// signedResponse and signedAssertion return the document, the signature and what it covers.
	signedResponse := func() (*etree.Document, *etree.Element, *etree.Element) {
		doc := response("ben")
		s.sign(t, doc.Root())
		return doc, doc.Root().FindElement("./Signature"), doc.Root()
	}
	signedAssertion := func() (*etree.Document, *etree.Element, *etree.Element) {
		doc := response("ben")
		s.sign(t, assertionOf(doc))
		return doc, doc.FindElement("//Signature"), assertionOf(doc)
	}
	// without is a copy without its signature.
	without := func(e *etree.Element) *etree.Element {
		c := e.Copy()
		if sig := c.FindElement("./Signature"); sig != nil {
			c.RemoveChild(sig)
		}
		return c
	}
	object := func(sig, in *etree.Element) {
		o := sig.CreateElement("ds:Object")
		o.AddChild(in)
	}
	// forged is a response around an evil assertion, beside the signature of another response.
	forged := func() (*etree.Document, *etree.Element, *etree.Element) {
		_, sig, root := signedResponse()
		original := without(root)
		doc := response("ana")
		doc.Root().CreateAttr("ID", "_evil")
		copied := sig.Copy()
		doc.Root().InsertChildAt(1, copied)
		return doc, copied, original
	}
	for what, make := range map[string]func() *etree.Document{
		"XSW1: the response that was signed inside of its signature": func() *etree.Document {
			doc, sig, original := forged()
			sig.AddChild(original)
			return doc
		},
		"XSW2: the response that was signed beside its signature": func() *etree.Document {
			doc, _, original := forged()
			doc.Root().InsertChildAt(1, original)
			return doc
		},
		"XSW3: an assertion before the one that was signed": func() *etree.Document {
			doc, _, a := signedAssertion()
			doc.Root().InsertChildAt(a.Index(), evil("_evil"))
			return doc
		},
		"XSW4: an assertion around the one that was signed": func() *etree.Document {
			doc, _, a := signedAssertion()
			around := evil("_evil")
			doc.Root().RemoveChild(a)
			around.AddChild(a)
			doc.Root().AddChild(around)
			return doc
		},
		"XSW5: an assertion with the signature, what was signed at the end": func() *etree.Document {
			doc, sig, a := signedAssertion()
			original := without(a)
			thief := evil("_evil")
			thief.InsertChildAt(1, sig.Copy())
			doc.Root().RemoveChild(a)
			doc.Root().AddChild(thief)
			doc.Root().AddChild(original)
			return doc
		},
		"XSW6: an assertion with the signature, what was signed inside of that": func() *etree.Document {
			doc, sig, a := signedAssertion()
			original := without(a)
			thief, stolen := evil("_evil"), sig.Copy()
			stolen.AddChild(original)
			thief.InsertChildAt(1, stolen)
			doc.Root().RemoveChild(a)
			doc.Root().AddChild(thief)
			return doc
		},
		"XSW7: an assertion with the same ID in Extensions": func() *etree.Document {
			doc, _, a := signedAssertion()
			doc.Root().InsertChildAt(1, etree.NewElement("samlp:Extensions"))
			doc.FindElement("//samlp:Extensions").AddChild(evil("_assertion"))
			_ = a
			return doc
		},
		"XSW8: what was signed as an object of the signature": func() *etree.Document {
			doc, sig, a := signedAssertion()
			original := without(a)
			thief, stolen := evil("_assertion"), sig.Copy()
			object(stolen, original)
			thief.InsertChildAt(1, stolen)
			doc.Root().RemoveChild(a)
			doc.Root().AddChild(thief)
			return doc
		},
		"an assertion with the ID of the one that was signed": func() *etree.Document {
			doc, sig, a := signedAssertion()
			thief := evil("_assertion")
			thief.InsertChildAt(1, sig.Copy())
			doc.Root().RemoveChild(a)
			doc.Root().AddChild(thief)
			return doc
		},
		"the ID under another name": func() *etree.Document {
			doc, _, a := signedAssertion()
			thief := evil("_evil")
			thief.CreateAttr("xml:id", "_assertion")
			doc.Root().InsertChildAt(a.Index(), thief)
			return doc
		},
		"an assertion of another namespace before it": func() *etree.Document {
			doc, _, a := signedAssertion()
			thief := evil("_evil")
			thief.Space = "other"
			thief.CreateAttr("xmlns:other", "urn:other")
			doc.Root().InsertChildAt(a.Index(), thief)
			return doc
		},
		"a signature of the whole document": func() *etree.Document {
			doc, sig, _ := signedAssertion()
			sig.FindElement(".//Reference").CreateAttr("URI", "")
			return doc
		},
		"a signature of two things": func() *etree.Document {
			doc, sig, _ := signedAssertion()
			info := sig.FindElement("./SignedInfo")
			info.AddChild(info.FindElement("./Reference").Copy())
			return doc
		},
		"two signatures": func() *etree.Document {
			doc, sig, a := signedAssertion()
			a.AddChild(sig.Copy())
			return doc
		},
		"a second SignedInfo": func() *etree.Document {
			doc, sig, _ := signedAssertion()
			sig.AddChild(sig.FindElement("./SignedInfo").Copy())
			return doc
		},
		"the assertion encrypted beside it": func() *etree.Document {
			doc, _, _ := signedAssertion()
			doc.Root().CreateElement("saml:EncryptedAssertion")
			return doc
		},
	} {
		a, err := readResponse(form(t, make()), wanted(s))
		var r *refusal
		if !errors.As(err, &r) || (r.code != badForm && r.code != badSignature) {
			t.Errorf("%s: %v, read %q", what, err, a.Subject.NameID.Value)
		}
	}
}

func TestDocumentsThatAreMadeToHurt(t *testing.T) {
	s := ecSigner(t)
	good := func(name string) string {
		doc := response(name)
		s.sign(t, assertionOf(doc))
		text, err := doc.WriteToString()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var deflated bytes.Buffer
	w, err := flate.NewWriter(&deflated, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(bytes.Repeat([]byte(" "), 4<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	bomb := `<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>`
	for what, text := range map[string]string{
		"a comment in the name, signed as a whole": strings.Replace(good("ana@acme.test.evil.test"), ">ana@acme.test.evil.test<", ">ana@acme.test<!-- -->.evil.test<", 1),
		"a comment elsewhere":                      strings.Replace(good("ben"), "<samlp:Status>", "<!-- x --><samlp:Status>", 1),
		"a document type":                          `<!DOCTYPE r>` + good("ben"),
		"entities that grow":                       bomb + strings.Replace(good("ben"), ">ben<", ">&c;<", 1),
		"an entity of another file":                `<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + strings.Replace(good("ben"), ">ben<", ">&x;<", 1),
		"an entity that nobody declared":           strings.Replace(good("ben"), ">ben<", ">&x;<", 1),
		"a processing instruction":                 strings.Replace(good("ben"), "<samlp:Status>", "<?php x ?><samlp:Status>", 1),
		"a style sheet":                            `<?xml-stylesheet href="https://evil.test"?>` + good("ben"),
		"another encoding":                         `<?xml version="1.0" encoding="UTF-7"?>` + good("ben"),
		"more than may be":                         strings.Replace(good("ben"), "<samlp:Status>", strings.Repeat(" ", longestResponse)+"<samlp:Status>", 1),
		"too deep":                                 strings.Repeat("<a>", 100000/8) + strings.Repeat("</a>", 100000/8),
		"too many elements":                        "<a>" + strings.Repeat("<b/>", mostElements+1) + "</a>",
		"too many attributes with one name":        `<a ID="x" ID="y"/>`,
		"deflated, as an address would carry it":   deflated.String(),
		"nothing":                                  "",
		"blanks":                                   " \n ",
		"no XML":                                   "{}",
		"half of it":                               good("ben")[:900],
		"two of it":                                good("ben") + good("ana"),
		"metadata":                                 `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x"/>`,
		"names that a decoder could read in two ways": strings.Replace(good("ben"), "<samlp:Status>", `<x::Response xmlns:x="urn:y"/><samlp:Status>`, 1),
	} {
		_, err := readResponse(base64.StdEncoding.EncodeToString([]byte(text)), wanted(s))
		refusedWith(t, what, badForm, err)
	}
	_, err = readResponse("%%%", wanted(s))
	refusedWith(t, "no base64", badForm, err)
	folded := base64.StdEncoding.EncodeToString([]byte(good("ben")))
	if _, err := readResponse(folded[:76]+"\r\n"+folded[76:], wanted(s)); err != nil {
		t.Errorf("base64 in lines: %v", err)
	}
}

func TestWhatAnAssertionSaysOfSomebody(t *testing.T) {
	s := ecSigner(t)
	said := func(r row, change func(*etree.Document)) outcome {
		doc := response("ben")
		if change != nil {
			change(doc)
		}
		s.sign(t, assertionOf(doc))
		a, err := readResponse(form(t, doc), wanted(s))
		if err != nil {
			t.Fatal(err)
		}
		return r.saidBy(a)
	}
	add := func(name string, values ...string) func(*etree.Document) {
		return func(d *etree.Document) {
			a := d.FindElement("//saml:AttributeStatement").CreateElement("saml:Attribute")
			a.CreateAttr("Name", name)
			for _, v := range values {
				a.CreateElement("saml:AttributeValue").SetText(v)
			}
		}
	}
	if o := said(row{Claim: "upn"}, nil); o != (outcome{Subject: "ben", Claim: "ben@acme.test"}) {
		t.Errorf("an attribute: %+v", o)
	}
	if o := said(row{Claim: NameID}, add("displayName", " Ben Novák ")); o != (outcome{Subject: "ben", Claim: "ben", Name: "Ben Novák"}) {
		t.Errorf("the name itself: %+v", o)
	}
	if o := said(row{Claim: "mail"}, nil); o.Claim != "" {
		t.Errorf("an attribute that is not there: %+v", o)
	}
	if o := said(row{Claim: "mail"}, add("mail", "ana@acme.test", "ben@acme.test")); o.Claim != "" {
		t.Errorf("two values name nobody: %+v", o)
	}
	if o := said(row{Claim: "upn"}, add("upn", "ana@acme.test")); o.Claim != "" {
		t.Errorf("an attribute twice names nobody: %+v", o)
	}
	if o := said(row{Claim: "upn", Preset: "entra"}, add(objectIDs[0], "0b5c")); o.Subject != "0b5c" {
		t.Errorf("Entra's object ID: %+v", o)
	}
	if o := said(row{Claim: "upn", Preset: "other"}, add(objectIDs[0], "0b5c")); o.Subject != "ben" {
		t.Errorf("another provider's: %+v", o)
	}
	if o := said(row{Claim: "upn"}, func(d *etree.Document) { d.FindElement("//saml:NameID").CreateAttr("Format", transient) }); o != (outcome{Code: badSubject}) {
		t.Errorf("a name for one time: %+v", o)
	}
	if o := said(row{Claim: "upn"}, func(d *etree.Document) { d.FindElement("//saml:NameID").SetText(strings.Repeat("b", 513)) }); o.Code != badSubject {
		t.Errorf("a very long name: %+v", o)
	}
	both := func(d *etree.Document) { add("firstName", "Ben")(d); add("lastName", "Novák")(d) }
	if o := said(row{Claim: "upn"}, both); o.Name != "Ben Novák" {
		t.Errorf("the name in two parts: %+v", o)
	}
}

// FuzzReadResponse: nothing that comes in makes the reader panic, and nothing is read that the one known key did not sign.
func FuzzReadResponse(f *testing.F) {
	s := ecSigner(f)
	for _, signed := range []string{"assertion", "response", "nothing"} {
		doc := response("ben")
		switch signed {
		case "assertion":
			s.sign(f, assertionOf(doc))
		case "response":
			s.sign(f, doc.Root())
		}
		text, err := doc.WriteToBytes()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`<?xml version="1.0"?><samlp:Response xmlns:samlp="` + protocolNS + `" ID="a"/>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := readResponse(base64.StdEncoding.EncodeToString(text), wanted(s))
		if err == nil && (a.Subject.NameID.Value != "ben" || a.attribute("upn") != "ben@acme.test") {
			t.Errorf("read %q out of\n%s", a.Subject.NameID.Value, text)
		}
	})
}
