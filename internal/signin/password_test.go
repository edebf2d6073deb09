package signin

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/fault"
)

func TestCheckPassword(t *testing.T) {
	for _, tt := range []struct {
		name, password string
		want           error
	}{
		{name: "twelve characters", password: "twelve chars"},
		{name: "eleven characters", password: "eleven char", want: ErrWeakPassword},
		{name: "128 characters of four bytes", password: strings.Repeat("🔑", 128)},
		{name: "129 characters", password: strings.Repeat("x", 129), want: ErrWeakPassword},
		{name: "twelve code points that are six characters", password: strings.Repeat("e\u0301", 6), want: ErrWeakPassword},
		{name: "not UTF-8", password: "twelve chars\xff", want: ErrWeakPassword},
		{name: "nothing", want: ErrWeakPassword},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := CheckPassword(tt.password); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestHashAndVerify(t *testing.T) {
	h, ctx := newHasher(0), context.Background()
	stored, err := h.hash(ctx, "pass\u0065\u0301 phrase twelve") // e and a combining accent
	if err != nil || !strings.HasPrefix(stored, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatal(stored, err)
	}
	again, err := h.hash(ctx, "pass\u0065\u0301 phrase twelve")
	if err != nil || again == stored {
		t.Error("the same password gives the same hash")
	}
	for _, tt := range []struct {
		name, password, stored string
		want                   bool
		err                    error
	}{
		{name: "right", password: "pass\u0065\u0301 phrase twelve", stored: stored, want: true},
		{name: "right, typed on another keyboard", password: "pass\u00e9 phrase twelve", stored: stored, want: true},
		{name: "wrong", password: "passe phrase twelve", stored: stored},
		{name: "nothing", stored: stored},
		{name: "nobody's hash", password: "pass\u00e9 phrase twelve"},
		{name: "a hash that is none", password: "x", stored: "$argon2id$v=19$m=19456,t=2$x$y", err: errHash},
		{name: "another algorithm", password: "x", stored: "$argon2i$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", err: errHash},
		{name: "a hash that would take all memory", password: "x", stored: "$argon2id$v=19$m=4294967295,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", err: errHash},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := h.verify(ctx, tt.password, tt.stored)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// TestHashingWaitsItsTurn: no more than there are slots at once, and a caller that goes away does not wait.
func TestHashingWaitsItsTurn(t *testing.T) {
	h := &hasher{slots: make(chan struct{}, 1)}
	inside, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = h.do(context.Background(), func() { close(inside); <-leave })
	})
	<-inside
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := h.do(ctx, func() { t.Error("two at once") })
	if f := fault.From(err); f.Kind != fault.Unavailable || f.RetryAfter == 0 {
		t.Errorf("gave up with %v", err)
	}
	close(leave)
	wg.Wait()
	if err := h.do(context.Background(), func() {}); err != nil {
		t.Error(err)
	}
}

// TestTries: wrong passwords of one account wait per network, those of one address wait whatever the accounts, and every wait ends.
func TestTries(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			var ahead atomic.Int64
			db := dbtest.Open(t, dbtest.URL(t, dialect), database.WithClockOffset(func() time.Duration { return time.Duration(ahead.Load()) }))
			try := func(ip, account string) *fault.Error {
				t.Helper()
				err := newAttempt(ip, account).count(t.Context(), db)
				if err == nil {
					return nil
				}
				if !errors.Is(err, ErrTooMany) {
					t.Fatal(err)
				}
				return fault.From(err)
			}
			for i := range wrongPerAccount {
				if err := try("192.0.2.1", "ana from 192.0.2.0/24"); err != nil {
					t.Fatalf("try %d: %v", i+1, err)
				}
			}
			if err := try("192.0.2.1", "ana from 192.0.2.0/24"); err == nil || err.RetryAfter <= 0 || err.RetryAfter > wrongWindow {
				t.Errorf("the eleventh: %v", err)
			}
			if err := try("198.51.100.1", "ana from 198.51.100.0/24"); err != nil {
				t.Errorf("the same account from elsewhere: %v", err)
			}
			for range 50 { // trying on does not lengthen the wait
				_ = try("192.0.2.1", "ana from 192.0.2.0/24")
			}
			ahead.Store(int64(wrongWindow))
			if err := try("192.0.2.1", "ana from 192.0.2.0/24"); err != nil {
				t.Errorf("after the window: %v", err)
			}
			for i := 1; i < wrongPerAddress; i++ {
				if err := try("192.0.2.1", "account "+string(rune('A'+i))); err != nil {
					t.Fatalf("account %d: %v", i, err)
				}
			}
			if err := try("192.0.2.1", "one more"); err == nil {
				t.Error("more than a hundred from one address")
			}
			if err := try("192.0.2.2", "one more"); err != nil {
				t.Errorf("the neighbour: %v", err)
			}
		})
	}
}

// TestForgiven: right passwords use up nothing, however many people sit behind one address.
func TestForgiven(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		for i := range wrongPerAddress + 20 {
			a := newAttempt("192.0.2.1", "the same account")
			if err := a.count(t.Context(), db); err != nil {
				t.Fatalf("sign-in %d: %v", i+1, err)
			}
			if err := db.InTx(t.Context(), a.forgive); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestAgent(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{name: "short", text: "curl/8", want: "curl/8"},
		{name: "long", text: strings.Repeat("x", 1000), want: strings.Repeat("x", 256)},
		{name: "cut between characters", text: strings.Repeat("x", 255) + "é", want: strings.Repeat("x", 255)},
		{name: "not UTF-8", text: "a\xffb", want: "ab"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := agent(tt.text); got != tt.want {
				t.Errorf("got %q", got)
			}
		})
	}
}
