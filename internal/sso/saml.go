package sso

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"
	"gorm.io/gorm/clause"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/ident"
)

// NameID as the claim's name means the subject's name itself; every other one is the name of an attribute.
const NameID = "NameID"

// handoverLife is how long what a provider said waits for the browser that asked.
const handoverLife = time.Minute

// Attributes that say who somebody is, by the names that providers give them.
var (
	objectIDs    = []string{"http://schemas.microsoft.com/identity/claims/objectidentifier"}
	displayNames = []string{"http://schemas.microsoft.com/identity/claims/displayname", "displayName", "urn:oid:2.16.840.1.113730.3.1.241"}
	givenNames   = []string{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname", "firstName", "givenName", "urn:oid:2.5.4.42"}
	surnames     = []string{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname", "lastName", "sn", "urn:oid:2.5.4.4"}
)

// outcome is what a response said, in the words of this service. It waits under the hash of a secret, as the request did before.
type outcome struct {
	Code    string `json:"code,omitempty"` // why the response was refused; "" where it was not
	Subject string `json:"subject,omitempty"`
	Claim   string `json:"claim,omitempty"`
	Name    string `json:"name,omitempty"`
}

// samlRequest is the address that carries a signed request to the provider (SAML bindings §3.4).
func (s *Service) samlRequest(ctx context.Context, r row, q requestRow, state string) (string, error) {
	now, err := s.DB.Now(ctx)
	if err != nil {
		return "", err
	}
	p, err := readMetadata(r.Metadata, s.local, time.Time{}) // it was valid when it was taken
	if err != nil {
		return "", ErrProvider.Because(err)
	}
	key, err := s.signer(ctx, r.WorkspaceID)
	if err != nil {
		return "", err
	}
	party, err := s.PartyOf(s.DB.Read(ctx), r.WorkspaceID)
	if err != nil {
		return "", err
	}
	req := &saml.AuthnRequest{ID: q.Nonce, Version: "2.0", IssueInstant: now.Truncate(time.Second), Destination: p.ssoURL,
		AssertionConsumerServiceURL: party.ACS, ProtocolBinding: saml.HTTPPostBinding, Issuer: &saml.Issuer{Value: party.EntityID}}
	return redirect(req, p.ssoURL, state, key)
}

// redirect packs a request into an address and signs it there. Only the parameters of SAML are signed, also where the provider's address has
// others already (SAML bindings §3.4.4.1).
func redirect(req *saml.AuthnRequest, to, state string, key *rsa.PrivateKey) (string, error) {
	doc := etree.NewDocument()
	doc.SetRoot(req.Element())
	text, err := doc.WriteToBytes()
	if err != nil {
		return "", err
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(text); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	query := "SAMLRequest=" + url.QueryEscape(base64.StdEncoding.EncodeToString(packed.Bytes())) + "&RelayState=" + url.QueryEscape(state) +
		"&SigAlg=" + url.QueryEscape(dsig.RSASHA256SignatureMethod)
	sum := sha256.Sum256([]byte(query))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	query += "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(sig))
	u, err := url.Parse(to)
	if err != nil {
		return "", err
	}
	if u.RawQuery != "" {
		query = u.RawQuery + "&" + query
	}
	u.RawQuery = query
	return u.String(), nil
}

// Accept takes a response that a browser was made to post to the workspace with that address in its path. The browser does not show its cookies
// there, so nobody is signed in by it: what the response says waits under the secret that Accept returns, for Finish. The request is spent,
// right or wrong; where there is none, as when a provider begins by itself, the response is not even looked at.
func (s *Service) Accept(ctx context.Context, slug, response, state string) (handover string, err error) {
	q, err := s.spend(ctx, state, false)
	if err != nil {
		return "", err
	}
	r, err := find(s.DB.Read(ctx), q.WorkspaceID)
	if errors.Is(err, ErrNone) || (err == nil && (r.Version != q.Version || r.Kind != SAML)) {
		return "", ErrRequest
	}
	if err != nil {
		return "", err
	}
	party, err := s.PartyOf(s.DB.Read(ctx), q.WorkspaceID)
	if err != nil {
		return "", err
	}
	if !strings.HasSuffix(party.ACS, "/"+url.PathEscape(slug)+"/saml/acs") {
		return "", ErrRequest.Because(errors.New("the response came in at another workspace"))
	}
	a, refused := s.judge(ctx, r, q, party, response)
	var why *refusal
	if refused != nil && !errors.As(refused, &why) && !errors.Is(refused, ErrCancelled) {
		return "", refused // ours
	}
	handover = ident.Secret(32)
	return handover, errors.Join(refused, s.handOver(ctx, handover, r, q, a, refused))
}

func (s *Service) judge(ctx context.Context, r row, q requestRow, party Party, response string) (assertion, error) {
	now, err := s.DB.Now(ctx)
	if err != nil {
		return assertion{}, err
	}
	p, err := readMetadata(r.Metadata, s.local, time.Time{})
	if err != nil {
		return assertion{}, err
	}
	return readResponse(response, expected{issuer: r.Issuer, keys: p.keys, audience: party.EntityID, address: party.ACS, request: q.Nonce, now: now})
}

// handOver keeps what was found under the hash of a new secret, and the assertion's ID until the assertion is over.
func (s *Service) handOver(ctx context.Context, handover string, r row, q requestRow, a assertion, refused error) error {
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		o := outcome{Code: reason(refused)}
		if refused == nil {
			o = r.saidBy(a)
			taken := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&assertionRow{WorkspaceID: r.WorkspaceID, Hash: ident.Hash(a.ID), ExpiresAt: a.until})
			if taken.Error != nil {
				return taken.Error
			}
			if taken.RowsAffected == 0 {
				o = outcome{Code: badReplay}
			}
		}
		text, err := json.Marshal(o)
		if err != nil {
			return err
		}
		q.Hash, q.Outcome, q.ExpiresAt = ident.Hash(handover), string(text), now.Add(handoverLife)
		return tx.Create(&q).Error
	})
}

type assertionRow struct {
	WorkspaceID string
	Hash        []byte
	ExpiresAt   time.Time
}

func (assertionRow) TableName() string { return "saml_assertions" }

// reason is the code of why a response was refused.
func reason(err error) string {
	var r *refusal
	switch {
	case err == nil:
		return ""
	case errors.As(err, &r):
		return r.code
	}
	return code(err)
}

// saidBy takes from an assertion what this service uses of it.
func (r row) saidBy(a assertion) outcome {
	name := usable(a.Subject.NameID.Value)
	o := outcome{Subject: name, Claim: a.attribute(r.Claim), Name: a.attribute(displayNames...)}
	if a.Subject.NameID.Format == transient {
		o.Subject = "" // another one at each sign-in
	}
	if r.Claim == NameID {
		o.Claim = o.Subject
	}
	if r.Preset == "entra" {
		// Entra's NameID is an address that changes with the person's name; their object ID never does.
		if id := a.attribute(objectIDs...); id != "" {
			o.Subject = id
		}
	}
	if o.Name == "" {
		o.Name = strings.TrimSpace(a.attribute(givenNames...) + " " + a.attribute(surnames...))
	}
	if o.Subject == "" {
		return outcome{Code: badSubject}
	}
	return o
}

// attribute is the value of the first attribute of these names that has exactly one; several values name nobody.
func (a assertion) attribute(names ...string) string {
	for _, name := range names {
		var values []string
		for _, at := range a.Attributes {
			if at.Name == name {
				values = append(values, at.Values...)
			}
		}
		if len(values) == 1 {
			return usable(values[0])
		}
	}
	return ""
}

// usable is a value without the blanks around it, or "" where it is nothing that a person could be known by.
func usable(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > longestClaim || strings.ContainsFunc(text, control) {
		return ""
	}
	return text
}

// Finish gives the browser that began a sign-in what the provider said to Accept. Any other browser gets nothing, and the secret is spent.
func (s *Service) Finish(ctx context.Context, browser []byte, handover string) (Identity, error) {
	q, err := s.spend(ctx, handover, true)
	if err != nil {
		return Identity{}, err
	}
	if !q.of(browser) {
		return Identity{}, ErrRequest
	}
	r, err := find(s.DB.Read(ctx), q.WorkspaceID)
	if errors.Is(err, ErrNone) || (err == nil && r.Version != q.Version) {
		return Identity{}, ErrRequest
	}
	if err != nil {
		return Identity{}, err
	}
	p, err := r.provider()
	if err != nil {
		return Identity{}, err
	}
	var o outcome
	if err := json.Unmarshal([]byte(q.Outcome), &o); err != nil {
		return Identity{}, err
	}
	who := Identity{Provider: p, Issuer: r.Issuer, Subject: o.Subject, Claim: o.Claim, Name: o.Name}
	switch {
	case o.Code == ErrCancelled.Code:
		err = ErrCancelled
	case o.Code != "":
		err = ErrIdentity.Because(&refusal{code: o.Code, err: errors.New("the response was refused")})
	}
	return s.concluded(ctx, r, q, who, err)
}

// samlMetadata is what an admin is shown of a SAML provider.
func (r row) samlMetadata() *Metadata {
	m := &Metadata{URL: r.MetadataURL, Fault: r.MetadataFault}
	if r.MetadataReadAt != nil {
		m.ReadAt = *r.MetadataReadAt
	}
	if p, err := readMetadata(r.Metadata, true, time.Time{}); err == nil {
		m.SSOURL, m.Certificates = p.ssoURL, p.certificates()
	}
	return m
}

// newMetadata is the metadata that an admin saves, from a file or an address; "" where what is there already stays.
func (s *Service) newMetadata(ctx context.Context, by actor.Actor, set Settings) (string, error) {
	now, err := s.DB.Now(ctx)
	if err != nil {
		return "", err
	}
	old, err := find(s.DB.Read(ctx), by.Workspace)
	if err != nil && !errors.Is(err, ErrNone) {
		return "", err
	}
	text := set.Metadata
	switch {
	case text != "" && set.MetadataURL != "":
		return "", ErrSettings.Saying("Give the metadata as a file or by its address, not both.").With("field", "metadata")
	case text != "":
	case old.Kind == SAML && (set.MetadataURL == "" || set.MetadataURL == old.MetadataURL):
		return "", nil
	case set.MetadataURL == "":
		return "", ErrSettings.Saying("The provider's metadata is missing.").With("field", "metadata")
	default:
		if err := s.checkMetadataURL(set.MetadataURL); err != nil {
			return "", err
		}
		if text, err = s.fetch(ctx, set.MetadataURL); err != nil {
			return "", err
		}
	}
	_, err = readMetadata(text, s.local, now)
	return text, err
}

// takeMetadata makes a row that of the provider whom text describes; "" leaves what is there.
func (r *row) takeMetadata(text, from string, local bool, now time.Time) error {
	r.ClientID = ""
	if text == "" {
		return nil
	}
	p, err := readMetadata(text, local, now)
	if err != nil {
		return err
	}
	r.Metadata, r.MetadataURL, r.MetadataFault, r.Issuer = text, from, "", p.entityID
	r.MetadataReadAt, r.MetadataTriedAt = &now, &now
	return nil
}

// Reread reads the metadata from its address at once.
func (s *Service) Reread(ctx context.Context, by actor.Actor) (Provider, error) {
	r, err := find(s.DB.Read(ctx), by.Workspace)
	if err != nil {
		return Provider{}, err
	}
	if r.Kind != SAML || r.MetadataURL == "" {
		return Provider{}, ErrNone
	}
	text, err := s.fetch(ctx, r.MetadataURL)
	if err != nil {
		return Provider{}, err
	}
	p, err := r.provider()
	if err != nil {
		return Provider{}, err
	}
	return s.Save(ctx, by, Settings{Kind: SAML, Preset: p.Preset, Name: p.Name, Claim: p.Claim, LinkBy: p.LinkBy, JIT: p.JIT, Metadata: text, from: r.MetadataURL})
}

// dependsOn says whether a sign-in depends on something that differs between two rows; keys that roll over are no difference.
func (r row) dependsOn(old row, local bool) bool {
	if r.Kind != old.Kind || r.Issuer != old.Issuer || r.ClientID != old.ClientID || r.Claim != old.Claim || r.LinkBy != old.LinkBy {
		return true
	}
	if r.Kind != SAML {
		return false
	}
	before, err := readMetadata(old.Metadata, local, time.Time{})
	after, failed := readMetadata(r.Metadata, local, time.Time{})
	return err != nil || failed != nil || before.ssoURL != after.ssoURL || !after.sharesKey(before) || (r.Preset == "entra") != (old.Preset == "entra")
}
