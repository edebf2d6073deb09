package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// round is what one window of load came to.
type round struct {
	rate     float64 // requests a second
	p50, p99 time.Duration
	server   time.Duration // CPU of the server for each request
	postgres time.Duration // CPU of Postgres for each request
	queries  float64       // statements for each request, BEGIN and COMMIT included
	done     int
}

// target is a server under load.
type target struct {
	base   string
	token  string
	pid    int
	client *http.Client
}

func newTarget(base, token string, pid int) *target {
	return &target{base: base, token: token, pid: pid,
		client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 128, DisableCompression: true}}}
}

// send makes one request and demands its status; it gives the answer's body.
func (t *target) send(method, path string, body []byte, want int) ([]byte, error) {
	req, err := http.NewRequest(method, t.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if t.token != "" {
		req.Header.Set("Authorization", "Bearer "+t.token)
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/scim+json")
	}
	res, err := t.client.Do(req)
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err == nil && res.StatusCode != want {
		err = fmt.Errorf("%s %s: %d %.300s", method, path, res.StatusCode, out)
	}
	return out, err
}

// request is one piece of work: worker w's n-th.
type request func(w, n int) error

// drive lets c workers do work, one request after the other, for a while.
func drive(b *testing.B, c int, lasting time.Duration, do request) []time.Duration {
	b.Helper()
	all := make([][]time.Duration, c)
	var wg sync.WaitGroup
	end := time.Now().Add(lasting)
	for w := range c {
		wg.Go(func() {
			for n := 0; time.Now().Before(end); n++ {
				began := time.Now()
				if err := do(w, n); err != nil {
					b.Error(err)
					return
				}
				all[w] = append(all[w], time.Since(began))
			}
		})
	}
	wg.Wait()
	var took []time.Duration
	for _, some := range all {
		took = append(took, some...)
	}
	if b.Failed() || len(took) == 0 {
		b.FailNow()
	}
	return took
}

// window measures a server under one kind of load.
func (s *scimStage) window(b *testing.B, t *target, c int, lasting time.Duration, do request) round {
	b.Helper()
	drive(b, c, lasting/5, func(w, n int) error { return do(w, -1-n) }) // connections, statements and caches are made before it counts
	server, postgres, queries := cpu(b, t.pid), s.postgresCPU(b), s.queries(b)
	began := time.Now()
	took := drive(b, c, lasting, do)
	r := round{rate: float64(len(took)) / time.Since(began).Seconds(), done: len(took)}
	n := time.Duration(len(took))
	r.server, r.postgres, r.queries = (cpu(b, t.pid)-server)/n, (s.postgresCPU(b)-postgres)/n, (s.queries(b)-queries)/float64(n)
	p := of(took)
	r.p50, r.p99 = p.p50, p.p99
	return r
}

// tick is the unit of times in /proc on every Linux that Go knows (USER_HZ).
const tick = 10 * time.Millisecond

// cpu is the time that a process has had; its ended children count too.
func cpu(b *testing.B, pid int) time.Duration {
	b.Helper()
	_, f, err := stat(pid)
	if err != nil {
		b.Fatal(err)
	}
	return f
}

// stat reads a process's parent and the processor time it has had, its ended children's included.
func stat(pid int) (parent int, used time.Duration, err error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	f := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:])) // from the third field, the state, on
	parent, err = strconv.Atoi(f[1])
	for _, n := range f[11:15] { // utime, stime, cutime, cstime
		ticks, _ := strconv.Atoi(n)
		used += time.Duration(ticks) * tick
	}
	return parent, used, err
}

// postgresCPU is the time that the server's processes have had.
func (s *scimStage) postgresCPU(b *testing.B) time.Duration {
	b.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		b.Fatal(err)
	}
	used := cpu(b, s.pg.PID)
	for _, dir := range all {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if parent, u, err := stat(pid); err == nil && parent == s.pg.PID {
			used += u
		}
	}
	return used
}

// queries is how many statements the server has run, whoever sent them.
func (s *scimStage) queries(b *testing.B) float64 {
	b.Helper()
	var n float64
	if err := s.admin.QueryRow("SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'").Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// resident is the memory of a process in MiB.
func resident(b *testing.B, pid int) float64 {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), "VmRSS:")
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}

// user is what a provider sends for a person.
func user(name string) []byte {
	body, _ := json.Marshal(map[string]any{ // a map of plain values always encodes
		"schemas":  []string{"urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"},
		"userName": name + "@acme.test", "externalId": "ext-" + name, "displayName": "Person " + name, "title": "Engineer", "active": true,
		"name":         map[string]any{"givenName": "Person", "familyName": name, "formatted": "Person " + name},
		"emails":       []map[string]any{{"value": name + "@acme.test", "type": "work", "primary": true}},
		"phoneNumbers": []map[string]any{{"value": "+385 1 555 0100", "type": "work"}},
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{"department": "Support", "employeeNumber": "7"},
	})
	return body
}
