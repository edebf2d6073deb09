package evilserver_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/phonesim"
	"github.com/countersign/countersign/internal/phonesim/evilserver"
)

// quick is patience for two programs on one machine.
var quick = evilserver.Options{Patience: 120 * time.Millisecond, Attention: 10 * time.Second}

// against plays all cases to a client, which is started once its phone is active.
func against(t *testing.T, client func(ctx context.Context, p *phonesim.Phone)) []evilserver.Result {
	t.Helper()
	s := evilserver.New(quick)
	site := httptest.NewServer(s.Handler())
	defer site.Close()
	ctx, end := context.WithCancel(t.Context())
	p := phonesim.New(site.URL, phonesim.Options{})
	sas, err := p.Pair(ctx, s.Link(site.URL))
	if err != nil {
		t.Fatal(err)
	}
	if shown, err := s.SAS(ctx); err != nil || shown != sas {
		t.Fatalf("the phone shows %s, the server %s (%v)", sas, shown, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := p.WaitMatched(ctx); err != nil {
			t.Error(err)
		}
		client(ctx, p)
	}()
	all, err := s.Run(ctx)
	end()
	<-done
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestTheSimulatedPhoneRefusesEverythingAndStillWorks(t *testing.T) {
	all := against(t, func(ctx context.Context, p *phonesim.Phone) {
		_ = p.Pull(ctx, 10*time.Millisecond, func(phonesim.Challenge) phonesim.Decision {
			return phonesim.Decision{Answer: phonesim.Answer{Decision: phonesim.DecisionApprove}} // whatever is shown is approved
		})
	})
	if len(all) != len(evilserver.Names()) {
		t.Errorf("%d cases of %d were played", len(all), len(evilserver.Names()))
	}
	for _, r := range all {
		if !r.OK {
			t.Errorf("%s: the server %s; the phone %s", r.Case, r.Did, r.Client)
		}
	}
}

// TestAGullibleClientIsFoundOut proves that the cases bite: a client that checks nothing fails each of them.
func TestAGullibleClientIsFoundOut(t *testing.T) {
	all := against(t, gullible)
	for _, r := range all {
		honest := slices.Contains([]string{"activation", "honest-before", "honest-rotation", "honest-after-rotation", "honest-at-last", "endless-skew"}, r.Case)
		if r.OK != honest {
			t.Errorf("%s: ok is %v: the client %s", r.Case, r.OK, r.Client)
		}
	}
	if n := evilserver.Misbehaved(all); n != len(evilserver.Forgeries)+len(evilserver.Coups)+1 {
		t.Errorf("%d misdeeds were seen", n)
	}
}

// gullible answers whatever it pulls and moves to whatever key it is told of.
func gullible(ctx context.Context, p *phonesim.Phone) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		var list struct {
			Items     []struct{ CID string }
			ServerKey string `json:"server_key"`
		}
		get(ctx, p, "/v1/device/confirmations?state=pending", &list)
		if held := p.Identity().ServerKeys[0].KID; list.ServerKey != "" && list.ServerKey != held {
			get(ctx, p, "/v1/device/keys", &struct{}{})
			_, _ = p.Do(ctx, http.MethodPost, "/v1/device/keys", map[string]string{"kid": list.ServerKey})
		}
		for _, item := range list.Items {
			var asked evilserver.Reply
			path := "/v1/device/confirmations/" + item.CID
			get(ctx, p, path, &asked)
			challenge, _ := phonesim.Unb64(asked.Challenge)
			uv, _ := p.Keys()
			response := []byte(`{"dec":"approve"}`)
			_, _ = p.Do(ctx, http.MethodPost, path+"/respond", map[string]string{"response": phonesim.B64(response),
				"sig": phonesim.B64(phonesim.Sign(uv, phonesim.ResponseMessage(challenge, response)))})
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

func get(ctx context.Context, p *phonesim.Phone, path string, into any) {
	if r, err := p.Do(ctx, http.MethodGet, path, nil); err == nil {
		_ = r.JSON(into)
	}
}

func TestOnlyNamedCasesArePlayedAfterThoseTheyBuildOn(t *testing.T) {
	o := quick
	o.Only = []string{"wrong-device"}
	s := evilserver.New(o)
	site := httptest.NewServer(s.Handler())
	defer site.Close()
	ctx, end := context.WithCancel(t.Context())
	p := phonesim.New(site.URL, phonesim.Options{})
	if _, err := p.PairCode(ctx, s.Code()); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = p.WaitMatched(ctx)
		_ = p.Pull(ctx, 10*time.Millisecond, func(phonesim.Challenge) phonesim.Decision {
			return phonesim.Decision{Answer: phonesim.Answer{Decision: phonesim.DecisionDeny}}
		})
	}()
	all, err := s.Run(ctx)
	end()
	<-done
	var names []string
	for _, r := range all {
		names = append(names, r.Case)
	}
	if want := []string{"activation", "honest-before", "honest-rotation", "honest-after-rotation", "wrong-device"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("played %v (%v)", names, err)
	}
}
