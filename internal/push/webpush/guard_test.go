package webpush

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/countersign/countersign/internal/push"
)

func TestEndpointsByName(t *testing.T) {
	g, err := NewGuard([]string{"Fakepush", "push.lan:8443", "[::1]", "10.1.1.1:443"})
	if err != nil {
		t.Fatal(err)
	}
	for endpoint, ok := range map[string]bool{
		"https://fcm.googleapis.com/fcm/send/x": true, "https://web.push.apple.com/x": true, "https://93.184.216.34/x": true,
		"http://web.push.apple.com/x": false,
		"https://localhost/x":         false, "https://LOCALHOST./x": false, "https://app.localhost/x": false, "https://printer.local/x": false,
		"https://metadata.google.internal/computeMetadata/v1/": false, "https://intranet/x": false, "https://nas.home.arpa/x": false,
		"https://127.0.0.1/x": false, "https://127.1/x": false, "https://2130706433/x": false, "https://0x7f.1/x": false, "https://0177.0.0.1/x": false,
		"https://[::1]:9/x": true, "https://[::ffff:127.0.0.1]/x": false, "https://[fe80::1]/x": false, "https://169.254.169.254/latest/meta-data/": false,
		"https://10.0.0.1/x": false, "https://10.1.1.1/x": true, "https://10.1.1.1:444/x": false,
		"https://fakepush/x": true, "https://fakepush:9443/x": true, "https://push.lan:8443/x": true, "https://push.lan/x": false,
		"https://user@web.push.apple.com/x": false,
	} {
		if err := g.checkName(endpoint); (err == nil) != ok || err != nil && !errors.Is(err, push.ErrEndpoint) {
			t.Errorf("%s: error %v", endpoint, err)
		}
	}
	if _, err := NewGuard([]string{"https://fakepush/"}); err == nil {
		t.Error("a URL was taken for a host")
	}
}

// names is a name server whose answers a test chooses: the n-th question for an IPv4 address gets the n-th answer, the last one
// from then on.
type names struct {
	conn    net.PacketConn
	mu      sync.Mutex
	answers []string
	asked   int
}

func serveNames(t *testing.T, answers ...string) (*names, *net.Resolver) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{conn: conn, answers: answers}
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.serve()
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return n, &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func (n *names) serve() {
	buf := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var q dnsmessage.Message
		if q.Unpack(buf[:size]) != nil || len(q.Questions) != 1 {
			continue
		}
		out, err := n.answer(q)
		if err == nil {
			_, _ = n.conn.WriteTo(out, from)
		}
	}
}

func (n *names) answer(q dnsmessage.Message) ([]byte, error) {
	r := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: q.ID, Response: true, Authoritative: true, RecursionAvailable: true},
		Questions: q.Questions,
	}
	if q.Questions[0].Type == dnsmessage.TypeA {
		n.mu.Lock()
		address := n.answers[min(n.asked, len(n.answers)-1)]
		n.asked++
		n.mu.Unlock()
		r.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Questions[0].Name, Class: dnsmessage.ClassINET, Type: dnsmessage.TypeA},
			Body:   &dnsmessage.AResource{A: netip.MustParseAddr(address).As4()},
		}}
	}
	return r.Pack()
}

// target is what an attacker would like to reach. It counts who comes.
func target(t *testing.T) (port string, visitors func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	came := make(chan struct{}, 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			came <- struct{}{}
			_ = c.Close()
		}
	}()
	_, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, func() int {
		_ = l.Close()
		<-done
		return len(came)
	}
}

func TestANameThatChangesItsAddressIsRefusedWhenItIsDialled(t *testing.T) {
	port, visitors := target(t)
	dns, resolver := serveNames(t, "93.184.216.34", "127.0.0.1")
	g, err := NewGuard(nil)
	if err != nil {
		t.Fatal(err)
	}
	g.egress.Resolver = resolver
	endpoint := "https://rebind.example.com:" + port + "/x"
	if err := g.CheckEndpoint(t.Context(), endpoint); err != nil {
		t.Fatalf("at registration: %v", err)
	}
	key := newKey(t)
	s := newSender(Config{Key: func(context.Context, string) (*ecdsa.PrivateKey, error) { return key, nil }, Subject: "mailto:ops@acme.test"}, g)
	r := s.Send(t.Context(), address(t, endpoint), confirm())
	if r.Outcome != push.Rejected || r.Reason != "endpoint_refused" {
		t.Errorf("%+v", r)
	}
	if n := visitors(); n != 0 {
		t.Errorf("%d connections reached the inside", n)
	}
	dns.mu.Lock()
	defer dns.mu.Unlock()
	if dns.asked < 2 {
		t.Error("the name was not resolved again")
	}
}

func TestRegistration(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer string
		ok     bool
	}{
		{"a name with a public address", "93.184.216.34", true},
		{"a name of this machine", "127.0.0.1", false},
		{"a name of the local network", "192.168.1.10", false},
		{"a name of the metadata service", "169.254.169.254", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, resolver := serveNames(t, c.answer)
			g, err := NewGuard(nil)
			if err != nil {
				t.Fatal(err)
			}
			g.egress.Resolver = resolver
			if err := g.CheckEndpoint(t.Context(), "https://push.example.com/x"); (err == nil) != c.ok || err != nil && !errors.Is(err, push.ErrEndpoint) {
				t.Errorf("error %v", err)
			}
		})
	}
	t.Run("a name server that is away", func(t *testing.T) {
		g, err := NewGuard(nil)
		if err != nil {
			t.Fatal(err)
		}
		g.egress.Resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("away")
		}}
		if err := g.CheckEndpoint(t.Context(), "https://push.example.com/x"); err != nil {
			t.Errorf("error %v", err)
		}
	})
}

func TestInsideAddressesAreNeverDialled(t *testing.T) {
	port, visitors := target(t)
	g, err := NewGuard(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"127.0.0.1:" + port, "[::1]:" + port, "[::ffff:127.0.0.1]:" + port, "0.0.0.0:" + port, "localhost:" + port, "169.254.169.254:80", "10.0.0.1:443"} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		if c, err := g.dial(ctx, "tcp", to); !errors.Is(err, push.ErrEndpoint) {
			t.Errorf("%s: error %v", to, err)
			if c != nil {
				_ = c.Close()
			}
		}
		cancel()
	}
	if n := visitors(); n != 0 {
		t.Errorf("%d connections reached the inside", n)
	}
}
