package relay_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/hub"
	"github.com/countersign/countersign/internal/hub/relay"
)

// pooler stands in for a pooler in transaction mode: it takes LISTEN and forgets it, because the server connection that hears is not the
// client's any more once the statement is over. It gives the address to use instead of address.
func pooler(t *testing.T, address, instead string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { lend(client, server, instead) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		open.Wait()
	})
	u.Host = l.Addr().String()
	return u.String()
}

// lend carries one client's statements to the server, with instead in place of LISTEN.
func lend(client net.Conn, server, instead string) {
	defer func() { _ = client.Close() }()
	back, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	var answers sync.WaitGroup
	answers.Go(func() { _, _ = io.Copy(client, back) })
	defer answers.Wait()
	defer func() { _ = back.Close() }()
	for first := true; ; first = false {
		kind := []byte{}
		if !first { // the first message has a length and no kind
			kind = make([]byte, 1)
		}
		var size [4]byte
		if _, err := io.ReadFull(client, kind); err != nil {
			return
		}
		if _, err := io.ReadFull(client, size[:]); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(size[:])-4)
		if _, err := io.ReadFull(client, body); err != nil {
			return
		}
		if string(kind) == "Q" && bytes.HasPrefix(body, []byte("LISTEN")) {
			body = append([]byte(instead), 0)
			binary.BigEndian.PutUint32(size[:], uint32(len(body)+4))
		}
		if _, err := back.Write(slices.Concat(kind, size[:], body)); err != nil {
			return
		}
	}
}

func TestAPoolerInBetweenIsToldApart(t *testing.T) {
	t.Parallel()
	address := dbtest.URL(t, database.Postgres)
	for name, tc := range map[string]struct {
		address string
		want    error
	}{
		"Postgres itself":                         {address, nil},
		"a pooler that takes LISTEN and loses it": {pooler(t, address, "SELECT 1"), relay.ErrPooler},
		"a pooler that refuses LISTEN":            {pooler(t, address, "SELECT 1/0"), relay.ErrPooler},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := relay.Probe(t.Context(), tc.address); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
	if err := relay.Probe(t.Context(), "postgres://u:hush@%zz"); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("an address that is none: %v", err)
	}
	if err := relay.Probe(t.Context(), "postgres://u:hush@127.0.0.1:1/x"); err == nil || errors.Is(err, relay.ErrPooler) || strings.Contains(err.Error(), "hush") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestAReplicaBehindAPoolerSaysSoWhenItStarts(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	said := make(lines, 10)
	over := make(chan error, 1)
	bus := relay.New(hub.New(), pooler(t, dbtest.URL(t, database.Postgres), "SELECT 1"), slog.New(slog.NewTextHandler(said, nil)))
	go func() { over <- bus.Run(ctx) }()
	select {
	case line := <-said:
		if !strings.Contains(line, "pooler in transaction mode") || !strings.Contains(line, "COUNTERSIGN_DATABASE_DIRECT_URL") {
			t.Errorf("said %s", line)
		}
	case <-time.After(20 * time.Second):
		t.Error("nothing was said")
	}
	cancel()
	if err := <-over; err != nil {
		t.Error(err)
	}
}

// lines are what a log says, one by one.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}
