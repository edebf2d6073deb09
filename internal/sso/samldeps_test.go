package sso

import (
	"crypto/x509"
	"encoding/base64"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// TestSignaturesAreVerifiedByARepairedLibrary: goxmldsig before 1.6.0 can be led past what was signed (GHSA-479m-364c-43vc), and crewjam/saml
// alone asks for such a version.
func TestSignaturesAreVerifiedByARepairedLibrary(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^\s*github\.com/russellhaering/goxmldsig v(\d+)\.(\d+)\.(\d+)(\s|$)`).FindSubmatch(mod)
	if m == nil {
		t.Fatal("go.mod does not pin github.com/russellhaering/goxmldsig")
	}
	number := func(text []byte) int {
		n, err := strconv.Atoi(string(text))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if major, minor, patch := number(m[1]), number(m[2]), number(m[3]); major < 1 || major == 1 && (minor < 6 || minor == 6 && patch < 1) {
		t.Errorf("goxmldsig is %d.%d.%d; 1.6.1 is the oldest that is repaired", major, minor, patch)
	}
	if regexp.MustCompile(`(?m)^\s*(replace\s+)?github\.com/russellhaering/goxmldsig .*=>`).Match(mod) {
		t.Error("go.mod replaces goxmldsig")
	}
}

// TestTheLibraryVerifiesTheReferenceItFound is that bypass: a signature over two things, one of which is the digest of what is put in the place
// of the other. A library that is not repaired takes the last reference for the one that is about the element. This service refuses such a
// signature before the library sees it.
func TestTheLibraryVerifiesTheReferenceItFound(t *testing.T) {
	s := ecSigner(t)
	doc := response("ben")
	a := assertionOf(doc)
	s.sign(t, a)
	sig := a.FindElement("./Signature")
	info := sig.FindElement("./SignedInfo")

	forged := response("ana")
	evil := assertionOf(forged) // has the same ID
	digest := digestOf(t, evil)
	second := info.FindElement("./Reference").Copy()
	second.CreateAttr("URI", "#_something_else")
	second.FindElement("./DigestValue").SetText(digest)
	info.AddChild(second)
	s.resignEC(t, sig)

	evil.InsertChildAt(1, sig.Copy())
	whole, err := detached(evil)
	if err != nil {
		t.Fatal(err)
	}
	v := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{s.cert}})
	v.IdAttribute, v.Clock = "ID", dsig.NewFakeClockAt(noon)
	if _, err := v.Validate(whole); err == nil {
		t.Error("the library accepts what was not signed")
	}
	_, err = readResponse(form(t, forged), wanted(s))
	refusedWith(t, "a signature over two things", badForm, err)
}

// digestOf is the digest of an element without a signature.
func digestOf(t *testing.T, e *etree.Element) string {
	t.Helper()
	sum := sha(canonical(t, e))
	return base64.StdEncoding.EncodeToString(sum)
}
