package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/vault"
)

// warm is how many dialogs come and go before memory is looked at first: caches, pools and the room that garbage takes are there then, and what
// is measured is what a dialog adds.
const warm = 1000

// BenchmarkWaitingDialogs: resident memory of the program for each waiting dialog, its first frame sent, beside a bare gorilla server that returns
// from its handler and one that reads inside it, each in a process of its own. A process has 20,000 descriptors here. The aim: 1.3 of the
// server that returns.
func BenchmarkWaitingDialogs(b *testing.B) {
	for _, n := range []int{10_000, 19_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			address, metrics, process, all := product(b, n)
			ours := grown(b, process, metrics, func(n int) func() {
				return everybody(b, n, address, func(i int) string {
					return fmt.Sprintf("Cookie: countersign=%s\r\nOrigin: http://%s\r\n|%s", all[i].cookie, address, all[i].id)
				})
			}, n) / float64(n)
			bare := map[string]float64{}
			for _, how := range []string{"return", "read"} {
				said, process := limitsOf(b, how)
				bare[how] = grown(b, process, said["addr"], func(n int) func() {
					closed := everybody(b, n, said["addr"], func(int) string { return "|x" })
					return func() {
						closed()
						over(b, said["addr"])
					}
				}, n) / float64(n)
			}
			b.ReportMetric(0, "ns/op")
			busy(b)
			b.ReportMetric(ours, "KiB/dialog")
			b.ReportMetric(bare["return"], "KiB/bare-return")
			b.ReportMetric(bare["read"], "KiB/bare-read")
			b.ReportMetric(ours/bare["return"], "of-return")
			b.ReportMetric(1.3, "aim-of-return")
			b.ReportMetric(ours/bare["read"], "of-read")
		})
	}
}

// over lets a bare server close what it has open; it does not notice that its clients have gone.
func over(b *testing.B, address string) {
	b.Helper()
	res, err := http.Post("http://"+address+"/over", "", nil)
	if err != nil {
		b.Fatal(err)
	}
	_ = res.Body.Close()
}

// product starts the program on SQLite with n confirmations that wait, each asked by a session of its own.
func product(b *testing.B, n int) (address, metrics string, process *os.Process, all []member) {
	b.Helper()
	dir := b.TempDir()
	file := filepath.Join(dir, "keyset.json")
	if err := vault.Create(file); err != nil {
		b.Fatal(err)
	}
	v, err := vault.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	url := dbtest.URL(b, database.SQLite)
	w := apitest.Make(b, apitest.Setup{URL: url, Vault: v})
	all = crowd(b, w, n)
	w.InTx(func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		for _, m := range all {
			if err := tx.Exec("INSERT INTO sign_ins (workspace_id, session_hash, person_id, signed_in_at, verified_at, last_seen_at) VALUES (?, ?, ?, ?, ?, ?)",
				m.by.Workspace, m.by.Session, m.by.Person, now, now, now).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if err := w.DB.Close(); err != nil {
		b.Fatal(err)
	}
	binary, err := program()
	if err != nil {
		b.Fatal(err)
	}
	address, metrics = free(b), free(b)
	cmd := exec.Command(binary, "serve")
	cmd.Env = append(os.Environ(), "COUNTERSIGN_DATA_DIR="+dir, "COUNTERSIGN_DATABASE_URL="+url, "COUNTERSIGN_KEYSET="+file, "COUNTERSIGN_ADDR="+address,
		"COUNTERSIGN_COMPANION_ADDR="+free(b), "COUNTERSIGN_PUBLIC_URL=http://"+address, "COUNTERSIGN_COMPANION_URL=http://localhost:1", "COUNTERSIGN_METRICS_ADDR="+metrics)
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		res, err := http.Get("http://" + address + "/readyz")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return address, metrics, cmd.Process, all
			}
		}
		if time.Now().After(end) {
			b.Fatal("the program does not get ready: ", err)
		}
	}
}

// grown is how many KiB a process has more in memory with n open than before; what open opened is closed then.
func grown(b *testing.B, p *os.Process, pprof string, open func(n int) (closed func()), n int) float64 {
	b.Helper()
	open(warm)()
	before := settled(b, p, pprof)
	closed := open(n)
	after := settled(b, p, pprof)
	closed()
	return after - before
}

// settled collects garbage in a process until its memory stays as it is.
func settled(b *testing.B, p *os.Process, pprof string) float64 {
	b.Helper()
	last := 0.0
	for range 10 {
		for range 2 {
			res, err := http.Get("http://" + pprof + "/debug/pprof/heap?gc=1")
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
		time.Sleep(time.Second)
		now := rss(b, p)
		if d := now - last; d < 0.005*now && d > -0.005*now {
			return now
		}
		last = now
	}
	return last
}

// rss is the resident memory of a process in KiB.
func rss(b *testing.B, p *os.Process) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid))
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	n, err := strconv.ParseFloat(strings.Fields(after)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// everybody opens n dialogs with the least a client needs, and answers pings until closed. ask gives further headers, a bar, and the confirmation.
func everybody(b *testing.B, n int, address string, ask func(int) string) (closed func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	conns := make([]net.Conn, n)
	var all sync.WaitGroup
	next := make(chan int)
	for range 32 {
		all.Go(func() {
			for i := range next {
				c, err := dial(ctx, address, ask(i))
				if err != nil {
					b.Error(err)
					return
				}
				conns[i] = c
			}
		})
	}
	for i := range n {
		if b.Failed() {
			break
		}
		next <- i
	}
	close(next)
	all.Wait()
	return func() {
		cancel()
		for _, c := range conns {
			if c != nil {
				_ = c.Close()
			}
		}
	}
}

// dial opens one dialog, reads its first frame and leaves a goroutine that answers pings.
func dial(ctx context.Context, address, ask string) (net.Conn, error) {
	headers, id, _ := strings.Cut(ask, "|")
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(c, "GET /v1/confirmations/%s/ws HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: countersign.v1\r\n%s\r\n", id, address, headers)
	if err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(c, 256)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("status %d", res.StatusCode)
	}
	if _, err := frame(r); err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	go func() {
		for {
			op, err := frame(r)
			if err != nil {
				return
			}
			if op == 9 {
				_, _ = c.Write([]byte{0x8a, 0x80, 0, 0, 0, 0})
			}
		}
	}()
	return c, nil
}

// frame reads a frame of the server, says its opcode and forgets the rest.
func frame(r *bufio.Reader) (op byte, err error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, err
	}
	length := int64(head[1] & 0x7f)
	if length == 126 {
		long := make([]byte, 2)
		if _, err := io.ReadFull(r, long); err != nil {
			return 0, err
		}
		length = int64(binary.BigEndian.Uint16(long))
	}
	_, err = io.CopyN(io.Discard, r, length)
	return head[0] & 0x0f, err
}
