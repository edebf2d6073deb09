package webpush

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/countersign/countersign/internal/push"
)

// Guard keeps an endpoint that a client chose from reaching into the network this service runs in (security.md A-19). What counts
// is the address of the connection, judged when it is made: a name that showed a public address at registration and another one
// at the push is refused like any other.
type Guard struct {
	allowed map[string]bool // "host" or "host:port"
	dialer  net.Dialer
}

const lookupTimeout = 2 * time.Second

// NewGuard returns a guard that lets the allowed hosts ("host" or "host:port", PUSH_ALLOW_HOSTS in wire.md §1) through.
func NewGuard(allowed []string) (*Guard, error) {
	g := &Guard{allowed: map[string]bool{}, dialer: net.Dialer{Timeout: 3 * time.Second}}
	for _, host := range allowed {
		host = strings.ToLower(strings.TrimSpace(host))
		if host == "" {
			continue
		}
		if strings.ContainsAny(host, "/@ ") {
			return nil, fmt.Errorf("webpush: %q is not a host", host)
		}
		if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
			host = ip.String() // "[::1]" and "::1" alike
		}
		g.allowed[host] = true
	}
	return g, nil
}

// CheckEndpoint judges an endpoint when it is registered, by its form, its name and, as far as they can be had within two
// seconds, all its addresses. A name that does not resolve now is let through: every later connection is judged again, and a
// registration must not fail for a name server's sake.
func (g *Guard) CheckEndpoint(ctx context.Context, endpoint string) error {
	if err := g.checkName(endpoint); err != nil {
		return err
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return push.ErrEndpoint
	}
	if g.lets(u.Hostname(), u.Port()) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	resolver := g.dialer.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	addresses, err := resolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return nil //nolint:nilerr // see above: not knowing is no refusal
	}
	for _, a := range addresses {
		if !public(a) {
			return fmt.Errorf("%w: not a public address", push.ErrEndpoint)
		}
	}
	return nil
}

// checkName is what can be said without the network.
func (g *Guard) checkName(endpoint string) error {
	if err := push.CheckEndpoint(endpoint); err != nil {
		return err
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return push.ErrEndpoint
	}
	host := u.Hostname()
	if g.lets(host, u.Port()) {
		return nil
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if !public(a) {
			return fmt.Errorf("%w: not a public address", push.ErrEndpoint)
		}
		return nil
	}
	if private(host) {
		return fmt.Errorf("%w: not a public name", push.ErrEndpoint)
	}
	return nil
}

// lets tells whether the operator named this host. An empty port is https's.
func (g *Guard) lets(host, port string) bool {
	if port == "" {
		port = "443"
	}
	host = strings.ToLower(host)
	return g.allowed[host] || g.allowed[net.JoinHostPort(host, port)]
}

// dial is the transport's DialContext. The check sits in Control, which sees the address that is really connected to, after name
// resolution and for each address tried.
func (g *Guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	d := g.dialer
	if !g.lets(host, port) {
		d.Control = refusePrivate
	}
	return d.DialContext(ctx, network, address)
}

func refusePrivate(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !public(at.Addr()) {
		return fmt.Errorf("%w: not a public address", push.ErrEndpoint)
	}
	return nil
}

// private knows the names that never belong to a push service: those of this machine and of local networks, and any spelling of
// a number that some resolver takes for an IPv4 address (0x7f.1, 2130706433).
func private(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == host || last == "" { // a single label is resolved in the local domain
		return true
	}
	if last[0] >= '0' && last[0] <= '9' { // no top-level domain begins with a digit
		return true
	}
	switch last {
	case "localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "localdomain":
		return true
	}
	return strings.HasSuffix(host, ".home.arpa")
}

var (
	nat64 = netip.MustParsePrefix("64:ff9b::/96")

	// special are the addresses that are not, or not surely, hosts on the internet (IANA special-purpose registries), and one
	// public address that is a cloud's metadata service. IPv6 is refused but for 2000::/3.
	special = prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
		"240.0.0.0/4", "168.63.129.16/32", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
	global = netip.MustParsePrefix("2000::/3")
)

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, 0, len(texts))
	for _, t := range texts {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}

// public tells whether an address is a host on the internet. IPv4 written as IPv6, mapped or through a NAT64, is judged as the
// IPv4 address it leads to.
func public(a netip.Addr) bool {
	if a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	if a.Is6() && !global.Contains(a) {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsValid()
}
