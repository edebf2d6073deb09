package sso

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"
)

const (
	longestMetadata  = 512 << 10
	mostCertificates = 10
	shortestRSA      = 2048 // bits
)

// Certificate is one of the keys of a SAML provider, or of this service towards it.
type Certificate struct {
	Fingerprint string // SHA-256, hex
	ExpiresAt   time.Time
	Signs       bool   // of this service's own: signs requests now
	PEM         string // of this service's own
}

// Metadata is what is known of a SAML provider.
type Metadata struct {
	SSOURL       string // where people are sent
	Certificates []Certificate
	URL          string    // read again every hour; "" where somebody gave it as a file
	ReadAt       time.Time // when it was read last
	Fault        string    // code of what was wrong since; "": nothing
}

// samlProvider is a provider's metadata as far as this service uses it.
type samlProvider struct {
	entityID string
	ssoURL   string
	keys     []*x509.Certificate
}

// readMetadata takes one provider out of a metadata document (SAML metadata §2.4.3). local allows an address on plain http.
func readMetadata(text string, local bool, now time.Time) (samlProvider, error) {
	bad := func(format string, args ...any) (samlProvider, error) {
		return samlProvider{}, ErrSettings.Saying(format, args...).With("field", "metadata")
	}
	root, err := document([]byte(text), longestMetadata, true)
	if err != nil {
		return bad("This is not an XML file with a provider's metadata, or one of more than 512 KiB.")
	}
	var e saml.EntityDescriptor
	if root.Tag != "EntityDescriptor" || xml.Unmarshal([]byte(text), &e) != nil {
		return bad("This is not the metadata of one identity provider: it has to begin with EntityDescriptor.")
	}
	if len(e.IDPSSODescriptors) != 1 {
		return bad("The metadata does not describe an identity provider.")
	}
	p := samlProvider{entityID: strings.TrimSpace(e.EntityID)}
	if !plain(p.entityID, 512) {
		return bad("The metadata has no entity ID that could be used.")
	}
	if !e.ValidUntil.IsZero() && now.After(e.ValidUntil) {
		return bad("The metadata has expired.")
	}
	for _, s := range e.IDPSSODescriptors[0].SingleSignOnServices {
		if s.Binding == saml.HTTPRedirectBinding {
			p.ssoURL = strings.TrimSpace(s.Location)
			break
		}
	}
	u, err := url.Parse(p.ssoURL)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || len(p.ssoURL) > 1024 || (u.Scheme != "https" && (u.Scheme != "http" || !local)) {
		return bad("The metadata has no https address for signing in with the HTTP-Redirect binding.")
	}
	if p.keys, err = signingKeys(e.IDPSSODescriptors[0].KeyDescriptors); err != nil {
		return bad("%s", err.Error())
	}
	if !slices.ContainsFunc(p.keys, func(c *x509.Certificate) bool { return now.Before(c.NotAfter) }) {
		return bad("Every signing certificate in the metadata has expired.")
	}
	return p, nil
}

// signingKeys are the certificates that a provider may sign with: two during a rollover.
func signingKeys(all []saml.KeyDescriptor) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for _, k := range all {
		if k.Use != "" && k.Use != "signing" {
			continue
		}
		for _, c := range k.KeyInfo.X509Data.X509Certificates {
			der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(c.Data), ""))
			if err != nil {
				return nil, fmt.Errorf("A signing certificate in the metadata cannot be read.") //nolint:staticcheck // a sentence for people
			}
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, fmt.Errorf("A signing certificate in the metadata cannot be read.") //nolint:staticcheck // a sentence for people
			}
			if !strong(cert) {
				return nil, fmt.Errorf("A signing certificate in the metadata has a key that is too weak: RSA with 2048 bits or ECDSA is needed.") //nolint:staticcheck // a sentence for people
			}
			if !slices.ContainsFunc(out, cert.Equal) {
				out = append(out, cert)
			}
		}
	}
	if len(out) == 0 || len(out) > mostCertificates {
		return nil, fmt.Errorf("The metadata has no signing certificate, or more than %d.", mostCertificates) //nolint:staticcheck // a sentence for people
	}
	return out, nil
}

func strong(c *x509.Certificate) bool {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= shortestRSA
	case *ecdsa.PublicKey:
		return key.Curve.Params().BitSize >= 256
	}
	return false
}

// sharesKey says whether some key is known from before, so that what changed is a rollover and not another provider's keys.
func (p samlProvider) sharesKey(before samlProvider) bool {
	return slices.ContainsFunc(p.keys, func(c *x509.Certificate) bool { return slices.ContainsFunc(before.keys, c.Equal) })
}

func (p samlProvider) certificates() []Certificate {
	out := make([]Certificate, len(p.keys))
	for i, c := range p.keys {
		out[i] = Certificate{Fingerprint: fingerprint(c.Raw), ExpiresAt: c.NotAfter.UTC()}
	}
	return out
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// partyMetadata is this service's own metadata towards the provider of one workspace. It has no key to encrypt for: assertions come signed over
// TLS, and what is encrypted is not read.
func partyMetadata(p Party) ([]byte, error) {
	doc := etree.NewDocument()
	doc.CreateProcInst("xml", `version="1.0" encoding="UTF-8"`)
	root := doc.CreateElement("md:EntityDescriptor")
	root.CreateAttr("xmlns:md", "urn:oasis:names:tc:SAML:2.0:metadata")
	root.CreateAttr("xmlns:ds", dsig.Namespace)
	root.CreateAttr("entityID", p.EntityID)
	role := root.CreateElement("md:SPSSODescriptor")
	role.CreateAttr("protocolSupportEnumeration", protocolNS)
	role.CreateAttr("AuthnRequestsSigned", "true")
	role.CreateAttr("WantAssertionsSigned", "true")
	for _, c := range p.Certificates {
		b, _ := pem.Decode([]byte(c.PEM))
		if b == nil {
			return nil, errors.New("a certificate of ours is none")
		}
		key := role.CreateElement("md:KeyDescriptor")
		key.CreateAttr("use", "signing")
		key.CreateElement("ds:KeyInfo").CreateElement("ds:X509Data").CreateElement("ds:X509Certificate").SetText(base64.StdEncoding.EncodeToString(b.Bytes))
	}
	acs := role.CreateElement("md:AssertionConsumerService")
	acs.CreateAttr("Binding", saml.HTTPPostBinding)
	acs.CreateAttr("Location", p.ACS)
	acs.CreateAttr("index", "0")
	acs.CreateAttr("isDefault", "true")
	doc.Indent(2)
	return doc.WriteToBytes()
}
