package sso

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
	roundtrip "github.com/mattermost/xml-roundtrip-validator"
	dsig "github.com/russellhaering/goxmldsig"
)

// Namespaces of SAML 2.0 and of XML signatures.
const (
	protocolNS  = "urn:oasis:names:tc:SAML:2.0:protocol"
	assertionNS = "urn:oasis:names:tc:SAML:2.0:assertion"

	statusSuccess = "urn:oasis:names:tc:SAML:2.0:status:Success"
	bearer        = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
	transient     = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
)

// What a document from outside may have at most, and how far the provider's clock may be off.
const (
	longestResponse = 192 << 10 // of XML
	deepest         = 40
	mostElements    = 5000
	clockSkew       = 2 * time.Minute
)

// Why a response is not accepted. The codes are shown to an admin who tests the settings; whoever signs in is told sso_refused.
const (
	badForm      = "saml_form"      // no SAML response, or one of a shape that this service does not read
	badSignature = "saml_signature" // not signed, or not with a key of the metadata
	badIssuer    = "saml_issuer"    // of another provider
	badAddress   = "saml_audience"  // for another service or another workspace
	badRequest   = "saml_request"   // the answer to another request, or to none
	badTime      = "saml_time"      // expired or not yet valid
	badSubject   = "saml_subject"   // names nobody who could be found again
	badReplay    = "saml_replay"    // was taken before
)

// refusal is why a response is not accepted.
type refusal struct {
	code string
	err  error
}

// Error is for the log. It holds nothing of the response but its addresses.
func (r *refusal) Error() string { return r.code + ": " + r.err.Error() }

func refuse(code, format string, args ...any) error {
	return &refusal{code: code, err: fmt.Errorf(format, args...)}
}

// expected is what a response has to be the answer to.
type expected struct {
	issuer   string              // the provider's entity ID
	keys     []*x509.Certificate // the provider may sign with
	audience string              // this service's entity ID for the workspace
	address  string              // where the response has come in
	request  string              // ID of the request
	now      time.Time
}

// assertion is what is read of an assertion, once its signature has been verified (SAML core §2.3).
type assertion struct {
	ID      string `xml:"ID,attr"`
	Issuer  string `xml:"urn:oasis:names:tc:SAML:2.0:assertion Issuer"`
	Subject struct {
		NameID struct {
			Format string `xml:"Format,attr"`
			Value  string `xml:",chardata"`
		} `xml:"urn:oasis:names:tc:SAML:2.0:assertion NameID"`
		Confirmations []confirmation `xml:"urn:oasis:names:tc:SAML:2.0:assertion SubjectConfirmation"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:assertion Subject"`
	Conditions []struct {
		NotBefore    string `xml:"NotBefore,attr"`
		NotOnOrAfter string `xml:"NotOnOrAfter,attr"`
		Restrictions []struct {
			Audiences []string `xml:"urn:oasis:names:tc:SAML:2.0:assertion Audience"`
		} `xml:"urn:oasis:names:tc:SAML:2.0:assertion AudienceRestriction"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:assertion Conditions"`
	Statements []struct {
		SessionNotOnOrAfter string `xml:"SessionNotOnOrAfter,attr"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:assertion AuthnStatement"`
	Attributes []struct {
		Name   string   `xml:"Name,attr"`
		Values []string `xml:"urn:oasis:names:tc:SAML:2.0:assertion AttributeValue"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:assertion AttributeStatement>Attribute"`

	until time.Time // when it is over, the skew included
}

type confirmation struct {
	Method string `xml:"Method,attr"`
	Data   struct {
		InResponseTo string `xml:"InResponseTo,attr"`
		Recipient    string `xml:"Recipient,attr"`
		NotBefore    string `xml:"NotBefore,attr"`
		NotOnOrAfter string `xml:"NotOnOrAfter,attr"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:assertion SubjectConfirmationData"`
}

// readResponse takes the one assertion out of a SAMLResponse as a form carries it, if it is the signed answer to the request that want tells of.
// Nothing but the element whose signature was verified is read, and that from the very bytes that were verified; what surrounds it can only
// make the response be refused.
func readResponse(form string, want expected) (assertion, error) {
	text, err := base64.StdEncoding.DecodeString(strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == ' ' {
			return -1
		}
		return r
	}, form))
	if err != nil {
		return assertion{}, refuse(badForm, "not base64")
	}
	root, err := document(text, longestResponse, false)
	if err != nil {
		return assertion{}, err
	}
	inner, err := shape(root)
	if err != nil {
		return assertion{}, err
	}
	if err := envelope(root, want); err != nil {
		return assertion{}, err
	}
	a, err := verified(root, inner, want)
	if err != nil {
		return assertion{}, err
	}
	return a, a.check(want)
}

// document parses XML that came from outside: of a bounded size, depth and number of elements, without a document type, entities of its own,
// processing instructions and, unless they are allowed, comments, and without anything that Go's decoder would read in two ways.
func document(text []byte, longest int, comments bool) (*etree.Element, error) {
	if len(text) > longest {
		return nil, refuse(badForm, "more than %d bytes", longest)
	}
	if err := tokens(text, comments); err != nil {
		return nil, err
	}
	if err := roundtrip.Validate(bytes.NewReader(text)); err != nil {
		return nil, refuse(badForm, "ambiguous XML")
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(text); err != nil || doc.Root() == nil {
		return nil, refuse(badForm, "not XML")
	}
	return doc.Root(), nil
}

func tokens(text []byte, comments bool) error {
	d := xml.NewDecoder(bytes.NewReader(text))
	depth, elements := 0, 0
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return refuse(badForm, "not XML in UTF-8")
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth == 0 && elements > 0 {
				return refuse(badForm, "two documents")
			}
			depth, elements = depth+1, elements+1
			if depth > deepest || elements > mostElements {
				return refuse(badForm, "too many elements")
			}
		case xml.EndElement:
			depth--
		case xml.Directive:
			return refuse(badForm, "a document type")
		case xml.ProcInst:
			if t.Target != "xml" || elements > 0 {
				return refuse(badForm, "a processing instruction")
			}
		case xml.Comment:
			if !comments {
				return refuse(badForm, "a comment")
			}
		}
	}
	if elements == 0 {
		return refuse(badForm, "no element")
	}
	return nil
}

// shape returns the response's one assertion. There is one in the whole document and no second element with its ID; signatures are children
// of the response or of the assertion, so that nothing verified can be taken for something else (signature wrapping).
func shape(root *etree.Element) (*etree.Element, error) {
	if root.Tag != "Response" || root.NamespaceURI() != protocolNS {
		return nil, refuse(badForm, "no response")
	}
	var inner *etree.Element
	ids := map[string]bool{}
	var walk func(e *etree.Element) error
	walk = func(e *etree.Element) error {
		for _, a := range e.Attr {
			if !strings.EqualFold(a.Key, "id") || a.Space == "xmlns" {
				continue
			}
			if a.Value == "" || ids[a.Value] {
				return refuse(badForm, "an ID that is not unique")
			}
			ids[a.Value] = true
		}
		switch e.Tag {
		case "EncryptedAssertion":
			return refuse(badForm, "an encrypted assertion")
		case "Assertion":
			if inner != nil || e.Parent() != root || e.NamespaceURI() != assertionNS {
				return refuse(badForm, "an assertion that is not the response's only one")
			}
			inner = e
		case "Response":
			if e != root {
				return refuse(badForm, "a response in the response")
			}
		case "Signature":
			if e.NamespaceURI() != dsig.Namespace || (e.Parent() != root && (inner == nil || e.Parent() != inner)) {
				return refuse(badForm, "a signature where none belongs")
			}
		}
		for _, c := range e.ChildElements() {
			if err := walk(c); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(root); err != nil {
		return nil, err
	}
	if inner == nil && root.FindElement("./Status") == nil {
		return nil, refuse(badForm, "no assertion and no status")
	}
	return inner, nil
}

// envelope checks what the response says around the assertion. It need not be signed, so that it can refuse and never vouch.
func envelope(root *etree.Element, want expected) error {
	if id := root.SelectAttrValue("InResponseTo", ""); id != want.request {
		return refuse(badRequest, "the response is to another request")
	}
	if to := root.SelectAttrValue("Destination", ""); to != "" && to != want.address {
		return refuse(badAddress, "the response goes to %.200q", to)
	}
	if v := root.SelectAttrValue("Version", ""); v != "2.0" {
		return refuse(badForm, "version %.10q", v)
	}
	for _, e := range root.ChildElements() {
		switch e.Tag {
		case "Issuer":
			if by := strings.TrimSpace(e.Text()); by != want.issuer {
				return refuse(badIssuer, "the response is of %.200q", by)
			}
		case "Status":
			code := e.FindElement("./StatusCode")
			if code == nil || code.SelectAttrValue("Value", "") != statusSuccess {
				return ErrCancelled
			}
		}
	}
	return nil
}

// verified checks every signature there is, and reads the assertion out of what they cover.
func verified(root, inner *etree.Element, want expected) (assertion, error) {
	if inner == nil {
		return assertion{}, refuse(badForm, "no assertion")
	}
	outer, err := signatureOf(root)
	if err != nil {
		return assertion{}, err
	}
	own, err := signatureOf(inner)
	if err != nil {
		return assertion{}, err
	}
	var covered *etree.Element
	if own {
		if covered, err = verify(inner, want); err != nil {
			return assertion{}, err
		}
	}
	if outer {
		response, err := verify(root, want)
		if err != nil {
			return assertion{}, err
		}
		if covered == nil {
			var r struct {
				Assertions []assertion `xml:"urn:oasis:names:tc:SAML:2.0:assertion Assertion"`
			}
			if err := unmarshal(response, &r); err != nil || len(r.Assertions) != 1 {
				return assertion{}, refuse(badForm, "the signed response cannot be read")
			}
			return r.Assertions[0], nil
		}
	}
	if covered == nil {
		return assertion{}, refuse(badSignature, "not signed")
	}
	var a assertion
	if err := unmarshal(covered, &a); err != nil {
		return assertion{}, refuse(badForm, "the signed assertion cannot be read")
	}
	return a, nil
}

func unmarshal(e *etree.Element, into any) error {
	doc := etree.NewDocument()
	doc.SetRoot(e.Copy())
	text, err := doc.WriteToBytes()
	if err != nil {
		return err
	}
	return xml.Unmarshal(text, into)
}

// check holds the assertion against the request (SAML profiles §4.1.4.3).
func (a *assertion) check(want expected) error {
	switch {
	case a.ID == "":
		return refuse(badForm, "an assertion without an ID")
	case strings.TrimSpace(a.Issuer) != want.issuer:
		return refuse(badIssuer, "the assertion is of %.200q", a.Issuer)
	case len(a.Conditions) != 1 || len(a.Conditions[0].Restrictions) == 0:
		return refuse(badAddress, "the assertion is for everybody")
	case len(a.Statements) == 0:
		return refuse(badForm, "the assertion does not say that somebody signed in")
	}
	for _, r := range a.Conditions[0].Restrictions {
		if !slices.ContainsFunc(r.Audiences, func(to string) bool { return strings.TrimSpace(to) == want.audience }) {
			return refuse(badAddress, "the assertion is for %.200q", strings.Join(r.Audiences, " "))
		}
	}
	if err := within(a.Conditions[0].NotBefore, a.Conditions[0].NotOnOrAfter, want.now); err != nil {
		return err
	}
	for _, s := range a.Statements {
		if err := within("", s.SessionNotOnOrAfter, want.now); err != nil {
			return err
		}
	}
	return a.confirmed(want)
}

// confirmed finds the confirmation that lets the browser bring the assertion here, as the answer to this request, for now.
func (a *assertion) confirmed(want expected) error {
	err := refuse(badForm, "no browser may bring the assertion")
	for _, c := range a.Subject.Confirmations {
		if c.Method != bearer {
			continue
		}
		switch {
		case c.Data.InResponseTo != want.request:
			err = refuse(badRequest, "the assertion is to another request")
		case c.Data.Recipient != want.address:
			err = refuse(badAddress, "the assertion goes to %.200q", c.Data.Recipient)
		case c.Data.NotOnOrAfter == "":
			err = refuse(badTime, "the assertion has no end")
		default:
			if err = within(c.Data.NotBefore, c.Data.NotOnOrAfter, want.now); err == nil {
				end, _ := instant(c.Data.NotOnOrAfter)
				a.until = end.Add(clockSkew)
				return nil
			}
		}
	}
	return err
}

// within refuses outside of a span of time whose ends may be missing.
func within(from, until string, now time.Time) error {
	if from != "" {
		t, ok := instant(from)
		if !ok || now.Before(t.Add(-clockSkew)) {
			return refuse(badTime, "not valid before %.40s", from)
		}
	}
	if until != "" {
		t, ok := instant(until)
		if !ok || !now.Before(t.Add(clockSkew)) {
			return refuse(badTime, "not valid after %.40s", until)
		}
	}
	return nil
}

// instant reads an xs:dateTime, which SAML has in UTC (core §1.3.3).
func instant(text string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t, err = time.Parse("2006-01-02T15:04:05.999999999", text)
	}
	return t.UTC(), err == nil
}
