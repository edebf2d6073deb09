package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Database is where the data lies, checked.
type Database struct {
	URL     Secret
	Direct  Secret // Postgres itself, where URL leads through a pooler; else empty
	SQLite  bool
	DataDir string
	Keyset  string // file; for SQLite always set
}

// Config is every setting, checked and in the form in which it is used. Constructors are given the few values they need, never all of it.
type Config struct {
	Database
	DirectURL      Secret
	Addr           string
	CompanionAddr  string
	PublicURL      *url.URL
	CompanionURL   *url.URL
	LAN            bool
	TLSCert        string
	TLSKey         string
	ACMEDomain     string
	TrustedProxies []netip.Prefix
	MetricsAddr    string
	Brand          string
	FCM            FCM
	APNS           APNS
	VAPIDSubject   string
	PushCA         []byte // PEM
	PushAllowHosts []string
	SMTPURL        Secret
	MailFrom       string
	SCIMRate       int // requests a second; 0 is no limit
	SessionIdle    time.Duration
}

// FCM are the settings of Firebase Cloud Messaging; without Credentials it is off.
type FCM struct {
	Credentials Secret // JSON
	Next        Secret // JSON of the account that takes over, or empty
	Endpoint    string
}

// APNS are the settings of Apple's push service; without Key it is off.
type APNS struct {
	Key                        Secret // PEM
	KeyID, TeamID, Topic, Host string
	Next                       Secret // PEM of the key that takes over, or empty
	NextID                     string
}

// LANPort is where phones on the same network find the companion with --lan.
const LANPort = "8443"

// Load checks where the data lies.
func (s Store) Load() (Database, error) {
	d := Database{URL: s.DatabaseURL, DataDir: s.DataDir, Keyset: s.Keyset}
	if d.DataDir == "" {
		d.DataDir = "./data"
	}
	raw := d.URL.Reveal()
	switch {
	case raw == "":
		d.URL = Secret("sqlite://" + filepath.Join(d.DataDir, "countersign.db"))
		d.SQLite = true
	case strings.HasPrefix(raw, "sqlite://"):
		d.SQLite = true
	case !strings.HasPrefix(raw, "postgres://") && !strings.HasPrefix(raw, "postgresql://"):
		return d, faultIn("database-url", "must begin with sqlite:// or postgres://")
	}
	if s.DatabaseDirectURL != s.DatabaseURL && !d.SQLite {
		d.Direct = s.DatabaseDirectURL
	}
	if d.SQLite && d.Keyset == "" {
		d.Keyset = filepath.Join(d.DataDir, "keyset.json")
	}
	return d, nil
}

// Load checks everything; lanIP is this machine's address on the local network, asked only with --lan. All faults are reported at once.
func Load(s Store, w Web, lanIP func() (string, error)) (Config, error) {
	l := &loader{}
	db, err := s.Load()
	l.keep(err)
	c := Config{Database: db, DirectURL: db.Direct, TLSCert: w.TLSCert, TLSKey: w.TLSKey, ACMEDomain: w.ACMEDomain, LAN: w.LAN,
		Brand: w.Brand, SMTPURL: w.SMTPURL, MailFrom: w.MailFrom}
	if c.Brand == "" {
		c.Brand = "Countersign"
	}
	if c.DirectURL == "" {
		c.DirectURL = c.URL
	}
	l.tls(c)
	l.addresses(&c, w)
	l.origins(&c, w, lanIP)
	c.TrustedProxies = l.proxies(w.TrustedProxies)
	l.push(&c, w)
	l.mail(c)
	c.SCIMRate = l.whole("scim-rate", w.SCIMRate, 100)
	c.SessionIdle = l.duration("session-idle", w.SessionIdle, 12*time.Hour)
	return c, errors.Join(l.faults...)
}

type loader struct{ faults []error }

func faultIn(flag, format string, args ...any) error {
	return fmt.Errorf("%s (--%s): %w", Variable(flag), flag, fmt.Errorf(format, args...))
}

func (l *loader) keep(err error) {
	if err != nil {
		l.faults = append(l.faults, err)
	}
}

func (l *loader) fault(flag, format string, args ...any) { l.keep(faultIn(flag, format, args...)) }

func (l *loader) whole(flag, value string, unset int) int {
	if value == "" {
		return unset
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		l.fault(flag, "is a whole number from 0, not %q", value)
	}
	return n
}

func (l *loader) duration(flag, value string, unset time.Duration) time.Duration {
	if value == "" {
		return unset
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < time.Minute {
		l.fault(flag, "is a time of at least a minute such as 12h or 90m, not %q", value)
	}
	return d
}

// tls checks how https is done here, if it is.
func (l *loader) tls(c Config) {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		l.fault("tls-cert", "and --tls-key belong together; one of them is missing")
	}
	if c.TLSCert != "" && c.ACMEDomain != "" {
		l.fault("acme-domain", "and --tls-cert are two ways to the same thing; choose one")
	}
	if strings.ContainsAny(c.ACMEDomain, ":/* ") {
		l.fault("acme-domain", "is one host name such as id.example.com, not %q", c.ACMEDomain)
	}
}

func (l *loader) addresses(c *Config, w Web) {
	c.Addr, c.CompanionAddr, c.MetricsAddr = w.Addr, w.CompanionAddr, w.MetricsAddr
	if c.Addr == "" {
		c.Addr = "127.0.0.1:8080"
		if c.ACMEDomain != "" {
			c.Addr = ":443"
		}
	}
	switch {
	case c.CompanionAddr != "":
	case c.LAN: // a phone that was given http is sent to https from there
		c.CompanionAddr = ":8081"
	default:
		c.CompanionAddr = "127.0.0.1:8081"
	}
	for _, a := range []struct{ flag, value string }{{"addr", c.Addr}, {"companion-addr", c.CompanionAddr}, {"metrics-addr", c.MetricsAddr}} {
		if a.value == "" {
			continue
		}
		if _, port, err := net.SplitHostPort(a.value); err != nil {
			l.fault(a.flag, "is host:port such as 127.0.0.1:8080, not %q", a.value)
		} else if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			l.fault(a.flag, "has no port number: %q", a.value)
		}
	}
	if c.Addr == c.CompanionAddr && c.ACMEDomain == "" {
		l.fault("companion-addr", "is the same as --addr; console and companion listen at two addresses")
	}
}

func (l *loader) proxies(value string) []netip.Prefix {
	var out []netip.Prefix
	for _, part := range list(value) {
		if a, err := netip.ParseAddr(part); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
		} else if p, err := netip.ParsePrefix(part); err == nil && p.Bits() > 0 {
			out = append(out, p.Masked())
		} else {
			l.fault("trusted-proxies", "%q is not an address or a network such as 10.0.0.0/8", part)
		}
	}
	return out
}

func (l *loader) push(c *Config, w Web) {
	c.FCM = FCM{Credentials: Secret(l.text("fcm-credentials", w.FCMCredentials.Reveal(), "{")), Endpoint: l.address("fcm-endpoint", w.FCMEndpoint),
		Next: Secret(l.text("fcm-credentials-next", w.FCMNext.Reveal(), "{"))}
	c.APNS = APNS{Key: Secret(l.text("apns-key", w.APNSKey.Reveal(), "-----BEGIN")), KeyID: w.APNSKeyID, TeamID: w.APNSTeamID, Topic: w.APNSTopic,
		Host: w.APNSHost, Next: Secret(l.text("apns-key-next", w.APNSKeyNext.Reveal(), "-----BEGIN")), NextID: w.APNSKeyIDNext}
	l.pushNext(*c)
	c.PushCA = []byte(l.text("push-ca", w.PushCA, "-----BEGIN"))
	c.PushAllowHosts = list(w.PushAllowHosts)
	if c.APNS.Key != "" && (c.APNS.KeyID == "" || c.APNS.TeamID == "" || c.APNS.Topic == "") {
		l.fault("apns-key", "also needs --apns-key-id, --apns-team-id and --apns-topic")
	}
	if c.APNS.Key == "" && c.APNS.KeyID+c.APNS.TeamID+c.APNS.Topic != "" {
		l.fault("apns-key", "is missing, though other settings of APNs are there")
	}
	c.VAPIDSubject = w.VAPIDSubject
	switch {
	case c.VAPIDSubject != "":
	case c.PublicURL != nil && c.PublicURL.Scheme == "https" && !Loopback(c.PublicURL.Hostname()):
		c.VAPIDSubject = c.PublicURL.String()
	default: // tried out on one machine: push services refuse localhost and an empty subject
		c.VAPIDSubject = "mailto:operator@example.com"
	}
	if s := c.VAPIDSubject; s != "" && !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "mailto:") {
		l.fault("vapid-subject", "begins with mailto: or https:// (RFC 8292 §2.1), not %q", s)
	}
}

// pushNext checks the credentials that are to take over.
func (l *loader) pushNext(c Config) {
	if c.FCM.Next != "" && c.FCM.Credentials == "" {
		l.fault("fcm-credentials-next", "takes over from --fcm-credentials, which is missing")
	}
	if c.APNS.Next != "" && c.APNS.Key == "" {
		l.fault("apns-key-next", "takes over from --apns-key, which is missing")
	}
	if (c.APNS.Next == "") != (c.APNS.NextID == "") {
		l.fault("apns-key-next", "and --apns-key-id-next belong together; one of them is missing")
	}
}

func (l *loader) mail(c Config) {
	if c.SMTPURL == "" {
		return
	}
	if u, err := url.Parse(c.SMTPURL.Reveal()); err != nil || (u.Scheme != "smtp" && u.Scheme != "smtps") || u.Host == "" {
		l.fault("smtp-url", "is smtp://host:port or smtps://host:port")
	}
	if c.MailFrom == "" {
		l.fault("mail-from", "is needed with --smtp-url")
	}
}

// text is a setting that is a text with a known beginning, or the name of the file that holds it.
func (l *loader) text(flag, value, begins string) string {
	if value == "" || strings.HasPrefix(strings.TrimSpace(value), begins) {
		return value
	}
	if strings.ContainsAny(value, "\r\n") { // not a file's name: never repeat what may be a secret
		l.fault(flag, "neither begins with %s nor is the name of a file", begins)
		return ""
	}
	b, err := os.ReadFile(filepath.Clean(value))
	var path *os.PathError
	switch {
	case errors.As(err, &path):
		l.fault(flag, "neither begins with %s nor is the name of a file that can be read (%v)", begins, path.Err)
	case !strings.HasPrefix(strings.TrimSpace(string(b)), begins):
		l.fault(flag, "names a file whose text does not begin with %s", begins)
	}
	return string(b)
}

func (l *loader) address(flag, value string) string {
	if value == "" {
		return ""
	}
	if u, err := url.Parse(value); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		l.fault(flag, "is an https:// address, not %q", value)
	}
	return strings.TrimSuffix(value, "/")
}

func list(value string) []string {
	var out []string
	for part := range strings.SplitSeq(value, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
