package config

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// origins settles the two addresses that people see. They are two origins, so that a script in the console can never use a phone's keys
// (wire.md §1), and both are secure contexts, because a browser grants keys, camera and service worker to no others.
func (l *loader) origins(c *Config, w Web, lanIP func() (string, error)) {
	c.PublicURL = l.origin("public-url", w.PublicURL)
	if c.PublicURL == nil && w.PublicURL == "" {
		c.PublicURL = c.usualPublicURL()
	}
	c.CompanionURL = l.origin("companion-url", w.CompanionURL)
	if c.CompanionURL == nil && w.CompanionURL == "" {
		c.CompanionURL = l.usualCompanionURL(c, lanIP)
	}
	if c.PublicURL == nil || c.CompanionURL == nil {
		return
	}
	if Origin(c.PublicURL) == Origin(c.CompanionURL) {
		l.fault("companion-url", "is the same origin as the public URL; give the companion another host name or port")
	}
	if c.ACMEDomain != "" && !strings.EqualFold(c.PublicURL.Hostname(), c.ACMEDomain) {
		l.fault("acme-domain", "%s is not the host of the public URL %s", c.ACMEDomain, c.PublicURL)
	}
}

func (c *Config) usualPublicURL() *url.URL {
	switch {
	case c.ACMEDomain != "":
		return &url.URL{Scheme: "https", Host: c.ACMEDomain}
	case c.TLSCert != "":
		return &url.URL{Scheme: "https", Host: hostPort("https", "localhost", port(c.Addr))}
	}
	return &url.URL{Scheme: "http", Host: hostPort("http", "localhost", port(c.Addr))}
}

func (l *loader) usualCompanionURL(c *Config, lanIP func() (string, error)) *url.URL {
	if c.LAN {
		ip, err := lanIP()
		if err != nil {
			l.fault("lan", "%w", err)
			return nil
		}
		return &url.URL{Scheme: "https", Host: net.JoinHostPort(ip, LANPort)}
	}
	if c.PublicURL != nil && !Loopback(c.PublicURL.Hostname()) {
		l.fault("companion-url", "is needed with a public URL of your own; it is another origin, for example https://phone.example.com")
		return nil
	}
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	return &url.URL{Scheme: scheme, Host: hostPort(scheme, "localhost", port(c.CompanionAddr))}
}

// origin reads an address without a path. Plain http is refused off this machine: no browser would give the companion its keys there, and
// a password would cross the network in the clear.
func (l *loader) origin(flag, value string) *url.URL {
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		l.fault(flag, "is an address such as https://id.example.com, not %q", value)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		l.fault(flag, "%s has more than scheme, host and port", u.Redacted())
	case u.Scheme == "http" && !Loopback(u.Hostname()):
		l.fault(flag, "%s is plain http on the network; use https, or http on localhost", u.Redacted())
	default:
		return &url.URL{Scheme: u.Scheme, Host: hostPort(u.Scheme, strings.ToLower(u.Hostname()), u.Port())}
	}
	return nil
}

// Origin is scheme, host and port as browsers send them in the Origin header.
func Origin(u *url.URL) string { return u.Scheme + "://" + hostPort(u.Scheme, u.Hostname(), u.Port()) }

// Loopback says whether a host name means this machine to every browser: localhost, a name below it, or a loopback address.
func Loopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// OnlyHere says whether an address to listen at is reached from this machine alone.
func OnlyHere(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && host != "" && Loopback(host)
}

func port(addr string) string {
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	return p
}

func hostPort(scheme, host, port string) string {
	if port == "" || (scheme == "http" && port == "80") || (scheme == "https" && port == "443") {
		if strings.Contains(host, ":") {
			return "[" + host + "]"
		}
		return host
	}
	return net.JoinHostPort(host, port)
}
