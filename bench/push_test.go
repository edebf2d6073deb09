package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/push/apns"
)

// inFlight is how many pushes are under way at once to one service, without any setting.
const inFlight = 64

const topic = "test.countersign.companion"

// service is a push service in a process of its own that answers after 50 ms, and the product's own sender to it.
type service struct {
	url    string
	roots  *x509.CertPool
	sender push.Sender
}

func newService(b *testing.B) service {
	b.Helper()
	said, _ := limitsOf(b, "provider")
	s := service{url: "https://" + said["addr"], roots: x509.NewCertPool()}
	if !s.roots.AppendCertsFromPEM([]byte(said["ca"])) {
		b.Fatal("no certificate")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		b.Fatal(err)
	}
	apple, err := apns.New(apns.Config{KeyPEM: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), KeyID: "BENCHKEY12", TeamID: "BENCHTEAM1", Topic: topic,
		Host: s.url, RootCAs: s.roots})
	if err != nil {
		b.Fatal(err)
	}
	s.sender = push.Mux{push.APNs: apple}
	return s
}

// measured does n pushes with as many in flight as the product has, and gives pushes a second and processor time for each.
func measured(b *testing.B, n int, send func() error) (rate, cpu float64) {
	b.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	before, began := used(b), time.Now()
	for range inFlight {
		all.Go(func() {
			for next.Add(1) <= int64(n) {
				if err := send(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return float64(n) / time.Since(began).Seconds(), us(used(b)-before) / float64(n)
}

// raw is an HTTP/2 client that does the same request and nothing else.
func (s service) raw(body []byte) func() error {
	client := &http.Client{Transport: push.HTTPTransport(s.roots)}
	return func() error {
		req, err := http.NewRequest(http.MethodPost, s.url+"/3/device/"+strings.Repeat("ab", 32), strings.NewReader(string(body)))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "bearer "+strings.Repeat("x", 200))
		req.Header.Set("Apns-Topic", topic)
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, res.Body)
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", res.StatusCode)
		}
		return res.Body.Close()
	}
}

// BenchmarkPushes: five rounds of a thousand pushes to a service that answers after 50 ms: by a raw HTTP/2 client, by the product's sender, and by
// the whole of the outbox on Postgres (claim, read, send, write down how it went, tell the dialog). The aims: the outbox 0.8 of the raw
// client's rate with as many in flight; the sender at most twice its processor time.
func BenchmarkPushes(b *testing.B) {
	s := newService(b)
	w := apitest.Make(b, apitest.Setup{URL: fresh(b, database.Postgres), Sender: s.sender})
	all := crowd(b, w, repeats*taps)
	w.InTx(func(tx database.Tx) error { return reachable(tx, all, topic) })
	to := push.Address{Kind: push.APNs, Token: strings.Repeat("ab", 32), Env: push.Production, Topic: topic}
	m := push.Message{Type: push.Confirm, Confirmation: "cnf_x", Workspace: "wsp_x", Expires: time.Now().Add(time.Hour)}
	raw := s.raw(m.Payload())
	var rawRate, rawCPU, sendRate, sendCPU, outRate, outCPU []float64
	for n := range repeats {
		rate, cpu := measured(b, taps, raw)
		rawRate, rawCPU = append(rawRate, rate), append(rawCPU, cpu)
		rate, cpu = measured(b, taps, func() error {
			if r := s.sender.Send(context.Background(), to, m); r.Outcome != push.Sent {
				return errors.New(r.Reason)
			}
			return nil
		})
		sendRate, sendCPU = append(sendRate, rate), append(sendCPU, cpu)
		rate, cpu = drained(b, w, all[n*taps:(n+1)*taps])
		outRate, outCPU = append(outRate, rate), append(outCPU, cpu)
	}
	b.ReportMetric(0, "ns/op")
	busy(b)
	b.ReportMetric(middleOf(rawRate), "raw/s")
	b.ReportMetric(middleOf(sendRate), "sender/s")
	b.ReportMetric(middleOf(outRate), "outbox/s")
	b.ReportMetric(middleOf(outRate)/middleOf(rawRate), "outbox-of-raw")
	b.ReportMetric(0.8, "aim-of-raw")
	b.ReportMetric(middleOf(rawCPU), "cpu-µs/raw")
	b.ReportMetric(middleOf(sendCPU), "cpu-µs/sender")
	b.ReportMetric(middleOf(sendCPU)/middleOf(rawCPU), "sender-cpu-of-raw")
	b.ReportMetric(2, "aim-cpu-of-raw")
	b.ReportMetric(middleOf(outCPU), "cpu-µs/outbox")
}

// drained puts a push for each into the outbox and runs it until none is left.
func drained(b *testing.B, w *apitest.World, all []member) (rate, cpu float64) {
	b.Helper()
	w.InTx(func(tx database.Tx) error {
		now, err := tx.Now()
		for _, m := range all {
			err = errors.Join(err, w.Outbox.Add(tx, "confirm.push", task(m), now, now.Add(time.Hour)))
		}
		return err
	})
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	before, began := used(b), time.Now()
	go func() { defer close(over); w.Outbox.Run(ctx) }()
	for {
		s, err := w.Outbox.Stats(ctx)
		if err != nil || s.Dead > 0 {
			b.Fatal(s, err)
		}
		if s.Waiting == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond) // looking costs too
	}
	rate, cpu = float64(len(all))/time.Since(began).Seconds(), us(used(b)-before)/float64(len(all))
	cancel()
	<-over
	return rate, cpu
}

func task(m member) []byte {
	body, err := json.Marshal(map[string]string{"ws": m.by.Workspace, "cid": m.id, "dev": m.phone.ID})
	if err != nil {
		panic(err)
	}
	return body
}

// at is a sender that says when it was asked to send.
type at chan time.Time

func (a at) Send(context.Context, push.Address, push.Message) push.Result {
	a <- time.Now()
	return push.Result{Outcome: push.Sent}
}

// BenchmarkIdleOutbox: nothing else is to be done; five rounds of a thousand pushes one after the other, from the end of the transaction that
// wanted each to the request. The aim: 99th percentile ≤ 10 ms.
func BenchmarkIdleOutbox(b *testing.B) {
	for _, dialect := range dbtest.Dialects {
		b.Run(dialect, func(b *testing.B) {
			asked := make(at, 1)
			w := apitest.Make(b, apitest.Setup{URL: fresh(b, dialect), Sender: asked})
			all := crowd(b, w, repeats*taps)
			w.InTx(func(tx database.Tx) error { return reachable(tx, all, topic) })
			ctx, cancel := context.WithCancel(context.Background())
			over := make(chan struct{})
			go func() { defer close(over); w.Outbox.Run(ctx) }()
			var rounds []spread
			for n := range repeats {
				var took []time.Duration
				for _, m := range all[n*taps : (n+1)*taps] {
					w.InTx(func(tx database.Tx) error {
						now, err := tx.Now()
						return errors.Join(err, w.Outbox.Add(tx, "confirm.push", task(m), now, now.Add(time.Hour)))
					})
					committed := time.Now()
					took = append(took, (<-asked).Sub(committed))
				}
				rounds = append(rounds, of(took))
			}
			cancel()
			<-over
			b.ReportMetric(0, "ns/op")
			busy(b)
			b.ReportMetric(us(middle(rounds).p50), "p50-µs")
			b.ReportMetric(us(middle(rounds).p99), "p99-µs")
			b.ReportMetric(us(middle(rounds).p99)/10_000, "p99-of-aim")
		})
	}
}
