package egress_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"

	"github.com/countersign/countersign/internal/egress"
)

func TestPublicAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"93.184.216.34": true, "8.8.8.8": true, "2600:1901::1": true, "2606:2800:220:1:248:1893:25c8:1946": true,
		"127.0.0.1": false, "127.8.8.8": false, "0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false,
		"172.32.0.1": true, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "100.100.100.200": false, "100.128.0.1": true,
		"192.0.0.192": false, "198.18.0.1": false, "203.0.113.9": false, "224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false,
		"168.63.129.16": false,
		"::":            false, "::1": false, "fe80::1": false, "fe80::1%eth0": false, "2600::1%eth0": false, "fc00::1": false, "fd00:ec2::254": false,
		"172.15.0.1": true, "192.88.99.1": false, "192.0.0.8": false, "2606:4700::1111": true, "4000::1": false,
		"ff02::1": false, "2001:db8::1": false, "2001::1": false, "2002:7f00:1::": false, "3fff::1": false, "fec0::1": false,
		"::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::ffff:8.8.8.8": true, "::127.0.0.1": false,
		"64:ff9b::7f00:1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b::808:808": false, "64:ff9b:1::808:808": false,
	} {
		if got := egress.Public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: public %v", address, got)
		}
	}
	if egress.Public(netip.Addr{}) {
		t.Error("no address at all is public")
	}
}

func TestHostsByName(t *testing.T) {
	g, err := egress.New([]string{"Idp.Corp", "sso.lan:8443", "[::1]", "10.1.1.1:443"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		host, port string
		away, home bool
	}{
		{"login.microsoftonline.com", "", true, true}, {"93.184.216.34", "", true, true},
		{"localhost", "", false, true}, {"LOCALHOST.", "9000", false, true}, {"app.localhost", "", false, true}, {"127.0.0.1", "9000", false, true}, {"::1", "", true, true},
		{"::ffff:127.0.0.1", "", false, true}, {"127.1", "", false, false}, {"2130706433", "", false, false}, {"0x7f.1", "", false, false},
		{"10.0.0.1", "", false, false}, {"192.168.1.1", "", false, false}, {"169.254.169.254", "", false, false}, {"metadata.google.internal", "", false, false},
		{"intranet", "", false, false}, {"printer.local", "", false, false}, {"nas.home.arpa", "", false, false},
		{"idp.corp", "", true, true}, {"idp.corp", "9443", true, true}, {"sso.lan", "8443", true, true}, {"sso.lan", "", false, false},
		{"10.1.1.1", "", true, true}, {"10.1.1.1", "444", false, false},
	} {
		if err := g.CheckName(c.host, c.port); (err == nil) != c.away || err != nil && !errors.Is(err, egress.ErrRefused) {
			t.Errorf("%s %s: %v", c.host, c.port, err)
		}
		if err := g.AndLoopback().CheckName(c.host, c.port); (err == nil) != c.home {
			t.Errorf("%s %s, of a service that is on this computer alone: %v", c.host, c.port, err)
		}
	}
	for _, wrong := range []string{"https://idp.corp/", "somebody@idp.corp", "two hosts"} {
		if _, err := egress.New([]string{wrong}); err == nil {
			t.Errorf("%q was taken for a host", wrong)
		}
	}
}

// TestARedirectIsJudgedLikeAnyAddress: somebody else's server, here one that the operator has named, sends whoever asks it on into the network.
func TestARedirectIsJudgedLikeAnyAddress(t *testing.T) {
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the inside was reached") }))
	defer inside.Close()
	outside := httptest.NewServer(http.RedirectHandler(inside.URL, http.StatusFound))
	defer outside.Close()
	u, err := url.Parse(outside.URL)
	if err != nil {
		t.Fatal(err)
	}
	g, err := egress.New([]string{u.Host})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: g.Dial}}
	resp, err := client.Get(outside.URL)
	if !errors.Is(err, egress.ErrRefused) {
		t.Errorf("error %v", err)
	}
	if err == nil {
		_ = resp.Body.Close()
	}
}

func TestLoopbackIsReachedFromThisComputerAlone(t *testing.T) {
	neighbour, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = neighbour.Close() }()
	g, err := egress.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Dial(t.Context(), "tcp", neighbour.Addr().String()); !errors.Is(err, egress.ErrRefused) {
		t.Errorf("error %v", err)
	}
	c, err := g.AndLoopback().Dial(t.Context(), "tcp", neighbour.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if _, err := g.AndLoopback().Dial(t.Context(), "tcp", "10.0.0.1:443"); !errors.Is(err, egress.ErrRefused) {
		t.Errorf("a private address: %v", err)
	}
}
