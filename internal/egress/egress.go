// Package egress keeps addresses that other people chose from leading into the network this service runs in: push endpoints of phones, webhooks
// and identity providers of workspaces. What counts is the address of the connection, judged when it is made: a name that showed a public
// address before and another one now is refused like any other (DNS rebinding), and so is every address that a redirect would lead to, because
// whoever follows one dials again.
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// ErrRefused is an address that is not a host on the internet and that the operator has not named.
var ErrRefused = errors.New("egress: not a public address")

const (
	lookupTimeout = 2 * time.Second
	dialTimeout   = 3 * time.Second
)

// Guard says which hosts may be reached. Make it with New; it is safe for use by several goroutines.
type Guard struct {
	// Resolver looks names up; nil is the system's. Set it before the first use.
	Resolver *net.Resolver

	allowed  map[string]bool // "host" or "host:port"
	loopback bool
}

// New is a guard that lets hosts on the internet through, and those that the operator has named: "host" or "host:port"
// (PUSH_ALLOW_HOSTS in wire.md §1), whatever their addresses are.
func New(allowed []string) (*Guard, error) {
	g := &Guard{allowed: map[string]bool{}}
	for _, host := range allowed {
		host = strings.ToLower(strings.TrimSpace(host))
		if host == "" {
			continue
		}
		if strings.ContainsAny(host, "/@ ") {
			return nil, fmt.Errorf("egress: %q is not a host", host)
		}
		if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
			host = ip.String() // "[::1]" and "::1" alike
		}
		g.allowed[host] = true
	}
	return g, nil
}

// AndLoopback is the same guard for a service that is itself on plain http, which is this computer alone: its neighbours may be so too.
func (g *Guard) AndLoopback() *Guard {
	return &Guard{Resolver: g.Resolver, allowed: g.allowed, loopback: true}
}

// Check judges a host before it is kept, by its name and, as far as they can be had within two seconds, all its addresses. A name that does
// not resolve now is let through: every later connection is judged again, and nothing should fail for a name server's sake. An empty port is
// that of https.
func (g *Guard) Check(ctx context.Context, host, port string) error {
	if err := g.CheckName(host, port); err != nil || g.Lets(host, port) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	resolver := g.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	addresses, err := resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil //nolint:nilerr // see above: not knowing is no refusal
	}
	for _, a := range addresses {
		if !g.fits(a) {
			return ErrRefused
		}
	}
	return nil
}

// CheckName is what can be said of a host without the network.
func (g *Guard) CheckName(host, port string) error {
	if g.Lets(host, port) {
		return nil
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if !g.fits(a) {
			return ErrRefused
		}
		return nil
	}
	if inside(host) && !(g.loopback && isLocalhost(host)) {
		return fmt.Errorf("%w: not a public name", ErrRefused)
	}
	return nil
}

// Lets tells whether the operator named this host. An empty port is that of https.
func (g *Guard) Lets(host, port string) bool {
	if port == "" {
		port = "443"
	}
	host = strings.ToLower(host)
	return g.allowed[host] || g.allowed[net.JoinHostPort(host, port)]
}

// Dial is an http.Transport's DialContext. The check sits in Control, which sees the address that is really connected to, after name
// resolution and for each address tried.
func (g *Guard) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: dialTimeout, Resolver: g.Resolver}
	if !g.Lets(host, port) {
		d.Control = g.control
	}
	return d.DialContext(ctx, network, address)
}

func (g *Guard) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !g.fits(at.Addr()) {
		return ErrRefused
	}
	return nil
}

func (g *Guard) fits(a netip.Addr) bool {
	return Public(a) || g.loopback && a.Zone() == "" && a.Unmap().IsLoopback()
}

func isLocalhost(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// inside knows the names that never belong to a host on the internet: those of this machine and of local networks, and any spelling of a
// number that some resolver takes for an IPv4 address (0x7f.1, 2130706433).
func inside(host string) bool {
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
	// special are the addresses that are not, or not surely, hosts on the internet (IANA special-purpose registries), and one public address
	// that is a cloud's metadata service.
	special = prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
		"240.0.0.0/4", "168.63.129.16/32", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
	// global is all of IPv6 that is given out for the internet. What lies outside is local, or leads to IPv4 through a translator (NAT64),
	// whose rules this service does not know.
	global = netip.MustParsePrefix("2000::/3")
)

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, 0, len(texts))
	for _, t := range texts {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}

// Public tells whether an address is a host on the internet. IPv4 written as IPv6 is judged as the IPv4 address that it is.
func Public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	if a.Is6() && !global.Contains(a) {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
