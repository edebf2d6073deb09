package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/fakepush"
	"github.com/countersign/countersign/internal/phonesim"
)

// native is a phone with an app of its own: woken by what a push service delivered to it, and by nothing else.
type native struct {
	phone   *phonesim.Phone
	address string
	asked   chan phonesim.Challenge
	taps    chan phonesim.Answer
	events  chan phonesim.Event
	tapped  chan time.Time
}

// nativeAgent is how the phones' calls are told from those of browsers.
const nativeAgent = "countersign-native/1"

type named struct{ next http.RoundTripper }

func (n named) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", nativeAgent)
	return n.next.RoundTrip(r)
}

// pairNative claims a pairing link with a new phone that is reached through one of the push services, and gives the six digits. From then on
// the phone sleeps until it is pushed.
func (s *story) pairNative(ctx context.Context, kind, name, link string) (sas string, err error) {
	n := &native{asked: make(chan phonesim.Challenge, 1), taps: make(chan phonesim.Answer, 1), events: make(chan phonesim.Event, 100), tapped: make(chan time.Time, 10)}
	platform, push, err := s.address(kind)
	if err != nil {
		return "", err
	}
	n.address = push.Token + push.Endpoint
	n.phone = phonesim.New("", phonesim.Options{Name: name, Platform: platform, Push: push, Now: s.now,
		HTTP:   &http.Client{Timeout: 40 * time.Second, Transport: named{http.DefaultTransport}},
		Notice: func(e phonesim.Event) { n.events <- e },
		BeforeAnswer: func(_ context.Context, c phonesim.Challenge) error {
			n.tapped <- time.Now()
			return nil
		}})
	if sas, err = n.phone.Pair(ctx, link); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.natives[name] = n
	s.addresses = append(s.addresses, n.address)
	go s.live(n)
	return sas, nil
}

// address is a new place to push to.
func (s *story) address(kind string) (platform string, at *phonesim.Push, err error) {
	switch kind {
	case "fcm":
		return "android", &phonesim.Push{Kind: kind, Token: "registration-" + phonesim.B64(phonesim.SPKI(&phonesim.NewKey().PublicKey))}, nil
	case "apns":
		return "ios", &phonesim.Push{Kind: kind, Token: s.push.APNsToken("production"), Env: "production", Topic: s.push.Topic}, nil
	case "webpush":
		sub := s.push.Subscribe("")
		return "web", &phonesim.Push{Kind: kind, Endpoint: sub.Endpoint, Keys: &phonesim.PushKeys{P256DH: sub.Keys.P256DH, Auth: sub.Keys.Auth}}, nil
	}
	return "", nil, fmt.Errorf("no push service %q", kind)
}

// live is the phone's life, as long as the test.
func (s *story) live(n *native) {
	wake := make(chan string)
	go func() {
		for {
			d, err := s.push.Wait(s.life, n.address)
			if err != nil {
				close(wake)
				return
			}
			wake <- string(d.Payload)
		}
	}()
	_ = n.phone.Run(s.life, wake, func(c phonesim.Challenge) phonesim.Decision {
		n.asked <- c
		select {
		case a := <-n.taps:
			return phonesim.Decision{Answer: a}
		case <-s.life.Done():
			return phonesim.Decision{Ignore: true}
		}
	})
}

// tap answers what the phone shows, once it shows it.
func (s *story) tap(ctx context.Context, name string, a phonesim.Answer) (asked phonesim.Challenge, at time.Time, state string, err error) {
	s.mu.Lock()
	n := s.natives[name]
	s.mu.Unlock()
	if n == nil {
		return asked, at, "", fmt.Errorf("no phone %q", name)
	}
	select {
	case asked = <-n.asked:
	case <-ctx.Done():
		return asked, at, "", errors.Join(errors.New("the phone was not woken"), ctx.Err())
	}
	for len(n.tapped) > 0 {
		<-n.tapped
	}
	n.taps <- a
	for {
		select {
		case e := <-n.events:
			switch {
			case e.CID != asked.CID:
			case e.Kind == "answered":
				return asked, <-n.tapped, e.State, nil
			case e.Kind == "failed":
				return asked, at, "", e.Err
			}
		case <-ctx.Done():
			return asked, at, "", ctx.Err()
		}
	}
}

// asksByItself are calls by which native phones looked for requests without having been woken.
func (s *story) asksByItself() int {
	n := 0
	for _, x := range s.companion.all() {
		if x.Agent == nativeAgent && strings.HasPrefix(x.Target, "/v1/device/confirmations?") {
			n++
		}
	}
	return n
}

// deliveries is everything that reached a phone, of whatever kind.
func (s *story) deliveries() []fakepush.Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []fakepush.Delivery
	for _, a := range s.addresses {
		all = append(all, s.push.Delivered(a)...)
	}
	return all
}
