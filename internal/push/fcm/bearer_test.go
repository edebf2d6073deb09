package fcm

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

func TestATokenIsRenewedBehindTheBackOfThePushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		b := &bearer{now: time.Now, fetch: func() (*oauth2.Token, error) {
			n++
			time.Sleep(time.Second) // of the bubble
			return &oauth2.Token{AccessToken: string(rune('a' + n - 1)), Expiry: time.Now().Add(time.Hour)}, nil
		}}
		get := func(want string, within time.Duration) {
			t.Helper()
			began := time.Now()
			got, err := b.get(t.Context())
			if err != nil || got != want || time.Since(began) > within {
				t.Errorf("token %q after %v (%v), want %q within %v", got, time.Since(began), err, want, within)
			}
		}
		get("a", time.Second)
		get("a", 0)
		time.Sleep(56 * time.Minute)
		get("a", 0) // still good, and the next one is on its way
		synctest.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		get("b", 0)
		time.Sleep(2 * time.Hour)
		get("c", time.Second) // too old to use: wait for the new one
		if n != 3 {
			t.Errorf("%d fetches", n)
		}
	})
}

func TestAFailedFetchIsTriedAgainByTheNextPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("down")
		b := &bearer{now: time.Now}
		b.fetch = func() (*oauth2.Token, error) { return nil, down }
		if _, err := b.get(t.Context()); !errors.Is(err, down) {
			t.Errorf("error %v", err)
		}
		b.fetch = func() (*oauth2.Token, error) {
			return &oauth2.Token{AccessToken: "a", Expiry: time.Now().Add(time.Hour)}, nil
		}
		if got, err := b.get(t.Context()); got != "a" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestOnePushMayGiveUpWaitingWhileAnotherStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bearer{now: time.Now, fetch: func() (*oauth2.Token, error) {
			time.Sleep(5 * time.Second)
			return &oauth2.Token{AccessToken: "a", Expiry: time.Now().Add(time.Hour)}, nil
		}}
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.get(hasty); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if got, err := b.get(t.Context()); got != "a" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}
