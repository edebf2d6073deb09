package fakepush

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"sync"
	"time"
)

// authority signs the services' certificate. It is made anew for each Fake and its key never leaves the process.
type authority struct {
	pem  []byte
	pool *x509.CertPool
	leaf tls.Certificate
}

func newAuthority(hosts []string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	ca := certificate("fakepush authority")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		return nil, err
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leaf := certificate("fakepush")
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, host := range append([]string{"localhost", "127.0.0.1", "::1"}, hosts...) {
		if ip := net.ParseIP(host); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, host)
		}
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, leafKey.Public(), key)
	if err != nil {
		return nil, err
	}
	a := &authority{
		pem:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}),
		pool: x509.NewCertPool(),
		leaf: tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: leafKey},
	}
	a.pool.AppendCertsFromPEM(a.pem)
	return a, nil
}

func certificate(name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic("fakepush: no randomness: " + err.Error())
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
	}
}

func (a *authority) config() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{a.leaf}, MinVersion: tls.VersionTLS12}
}

// CAPEM is the certificate to trust, the content of a PUSH_CA file.
func (f *Fake) CAPEM() []byte { return f.authority.pem }

// Pool is CAPEM for a tls.Config.
func (f *Fake) Pool() *x509.CertPool { return f.authority.pool }

// keys are the service account's and Apple's. They are made once a process: an RSA key takes a moment, and no two fakes are ever
// used to tell each other's credentials apart.
var keys = sync.OnceValues(func() (keyPair, error) {
	account, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return keyPair{}, err
	}
	apple, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return keyPair{account, apple}, err
})

type keyPair struct {
	account *rsa.PrivateKey
	apple   *ecdsa.PrivateKey
}

const (
	accountEmail = "fakepush@fake-project.iam.gserviceaccount.test"
	accountKeyID = "fakepush-key-1"
)

// FCMCredentials is a service account's key file whose token_uri is this fake, the content of FCM_CREDENTIALS.
func (f *Fake) FCMCredentials() []byte {
	b, err := json.MarshalIndent(map[string]string{
		"type": "service_account", "project_id": f.Project, "private_key_id": accountKeyID,
		"private_key": privatePEM(f.keys.account), "client_email": accountEmail, "client_id": "1", "token_uri": f.FCMURL + "/token",
	}, "", "  ")
	if err != nil {
		panic("fakepush: credentials: " + err.Error())
	}
	return b
}

// APNsKeyPEM is the .p8 file for this fake, the content of APNS_KEY; its id and team are APNsKeyID and APNsTeamID.
func (f *Fake) APNsKeyPEM() []byte { return []byte(privatePEM(f.keys.apple)) }

func privatePEM(key any) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic("fakepush: key: " + err.Error())
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
