package sso

import (
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

// Algorithms that a signature may have. SHA-1 is not among them, and nothing symmetric is.
var (
	signatureMethods = []string{dsig.RSASHA256SignatureMethod, dsig.RSASHA384SignatureMethod, dsig.RSASHA512SignatureMethod,
		dsig.ECDSASHA256SignatureMethod, dsig.ECDSASHA384SignatureMethod, dsig.ECDSASHA512SignatureMethod}
	digestMethods = []string{"http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmldsig-more#sha384", "http://www.w3.org/2001/04/xmlenc#sha512"}
	exclusive     = string(dsig.CanonicalXML10ExclusiveAlgorithmId)
	enveloped     = string(dsig.EnvelopedSignatureAltorithmId)
)

// signatureOf says whether an element has a signature of its own, which then covers that element as a whole, with algorithms that are allowed.
func signatureOf(e *etree.Element) (bool, error) {
	var sig *etree.Element
	for _, c := range e.ChildElements() {
		if c.Tag != "Signature" {
			continue
		}
		if sig != nil {
			return false, refuse(badForm, "two signatures of one element")
		}
		sig = c
	}
	if sig == nil {
		return false, nil
	}
	parts := children(sig, "SignedInfo", "SignatureValue", "KeyInfo")
	if parts == nil || len(parts["SignedInfo"]) != 1 || len(parts["SignatureValue"]) != 1 || len(parts["KeyInfo"]) > 1 {
		return false, refuse(badForm, "a signature with other parts")
	}
	info := children(parts["SignedInfo"][0], "CanonicalizationMethod", "SignatureMethod", "Reference")
	if info == nil || len(info["CanonicalizationMethod"]) != 1 || len(info["SignatureMethod"]) != 1 || len(info["Reference"]) != 1 {
		return false, refuse(badForm, "a signature of other things too")
	}
	ref := info["Reference"][0]
	id := e.SelectAttrValue("ID", "")
	if id == "" || ref.SelectAttrValue("URI", "") != "#"+id {
		return false, refuse(badForm, "a signature of something else")
	}
	if by := algorithm(info["SignatureMethod"][0]); !slices.Contains(signatureMethods, by) {
		return false, refuse(badSignature, "the signature's algorithm %.100q", by)
	}
	if by := algorithm(info["CanonicalizationMethod"][0]); by != exclusive {
		return false, refuse(badSignature, "canonical form %.100q", by)
	}
	return true, reference(ref)
}

// reference checks how the signed element is made into bytes: without its signature, in exclusive canonical form, and nothing else.
func reference(ref *etree.Element) error {
	parts := children(ref, "Transforms", "DigestMethod", "DigestValue")
	if parts == nil || len(parts["Transforms"]) != 1 || len(parts["DigestMethod"]) != 1 || len(parts["DigestValue"]) != 1 {
		return refuse(badForm, "a reference with other parts")
	}
	if by := algorithm(parts["DigestMethod"][0]); !slices.Contains(digestMethods, by) {
		return refuse(badSignature, "the digest's algorithm %.100q", by)
	}
	steps := parts["Transforms"][0].ChildElements()
	if len(steps) != 2 || algorithm(steps[0]) != enveloped || algorithm(steps[1]) != exclusive {
		return refuse(badSignature, "other transforms")
	}
	return nil
}

// children are an element's children by name; nil if it has others than named, or one in another namespace than signatures have.
func children(e *etree.Element, named ...string) map[string][]*etree.Element {
	out := map[string][]*etree.Element{}
	for _, c := range e.ChildElements() {
		if !slices.Contains(named, c.Tag) || c.NamespaceURI() != dsig.Namespace {
			return nil
		}
		out[c.Tag] = append(out[c.Tag], c)
	}
	return out
}

func algorithm(e *etree.Element) string { return e.SelectAttrValue("Algorithm", "") }

// verify returns what the signature of e covers, read anew from the bytes that were verified. Which of the provider's keys was used is found
// by trying: what the response itself says about its key is left aside.
func verify(e *etree.Element, want expected) (*etree.Element, error) {
	var last error
	for _, key := range want.keys {
		alone, err := detached(e)
		if err != nil {
			return nil, refuse(badForm, "namespaces")
		}
		for _, c := range alone.ChildElements() {
			if c.Tag != "Signature" {
				continue
			}
			for _, k := range c.ChildElements() {
				if k.Tag == "KeyInfo" {
					c.RemoveChild(k)
				}
			}
		}
		v := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{key}})
		v.IdAttribute, v.Clock = "ID", dsig.NewFakeClockAt(want.now)
		covered, err := v.Validate(alone)
		if err == nil && covered != nil {
			return covered, nil
		}
		last = err
	}
	return nil, &refusal{code: badSignature, err: fmt.Errorf("no key of the metadata fits: %w", last)}
}

// detached is a copy of an element that carries the namespaces which are in force around it.
func detached(e *etree.Element) (*etree.Element, error) {
	around, err := etreeutils.NSBuildParentContext(e)
	if err != nil {
		return nil, err
	}
	if around, err = around.SubContext(e); err != nil {
		return nil, err
	}
	return etreeutils.NSDetatch(around, e)
}
