package server

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/countersign/countersign/internal/config"
)

// front is a listener's handler: its own site, and the other one for requests that name that one's host.
type front struct {
	own, other *site
	proxies    []netip.Prefix
}

// ServeHTTP is http.Handler.
func (f front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := strings.ToLower(f.host(r))
	switch {
	case f.own.at(host):
		f.own.handler.ServeHTTP(w, r)
	case f.other.at(host):
		f.other.handler.ServeHTTP(w, r)
	case asksForPage(r) && f.own.reachableFrom(host):
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, f.own.URL.String()+r.URL.RequestURI(), http.StatusTemporaryRedirect) //nolint:gosec // G710: the host is the setting; only path and query are the request's
	default:
		f.own.handler.ServeHTTP(w, r)
	}
}

// host is the Host that the browser sent, which a trusted proxy may have put into X-Forwarded-Host.
func (f front) host(r *http.Request) string {
	if len(f.proxies) > 0 {
		if h := r.Header.Get("X-Forwarded-Host"); h != "" && trusted(f.proxies, r.RemoteAddr) {
			return strings.TrimSpace(strings.Split(h, ",")[0])
		}
	}
	return r.Host
}

func trusted(proxies []netip.Prefix, remote string) bool {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	for _, p := range proxies {
		if p.Contains(ap.Addr().Unmap()) {
			return true
		}
	}
	return false
}

func (s *site) at(host string) bool { return s.hosts[host] || s.hosts[normalHost(s.URL.Scheme, host)] }

// reachableFrom: a redirect to localhost would send a phone on the network to itself; it is shown the page, which says what to do instead.
func (s *site) reachableFrom(host string) bool {
	return !config.Loopback(s.URL.Hostname()) || config.Loopback(hostname(host))
}

// asksForPage says whether a browser navigates, as opposed to a script or a program calling. No page is SCIM, whatever its clients accept: some send
// a browser's list.
func asksForPage(r *http.Request) bool {
	return !strings.HasPrefix(r.URL.Path, "/v1/scim/") && (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// normalHost drops the port that a scheme implies.
func normalHost(scheme, host string) string {
	host = strings.ToLower(host)
	if scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

// hostname is a Host without its port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}
