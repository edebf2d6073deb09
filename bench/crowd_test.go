package bench

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/dialogapi"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/mobileapi"
)

// repeats is how often each measurement is made; what is printed is the median of them.
const repeats = 5

// perPerson is how many dialogs of the crowd belong to one person.
const perPerson = 20

// durable is the Postgres of the engine's benchmarks: one that keeps what it has acknowledged.
var durable = sync.OnceValues(func() (dbtest.Server, error) { return dbtest.Durable("-c", "shared_buffers=256MB") })

// fresh is the address of a migrated database: a file, or one of a durable Postgres.
func fresh(b *testing.B, dialect string) string {
	b.Helper()
	if dialect == database.SQLite {
		return dbtest.URL(b, dialect)
	}
	server, err := durable()
	if err != nil {
		b.Fatal(err)
	}
	admin := dbtest.Open(b, server.URL)
	name := fmt.Sprintf("b%d", time.Now().UnixNano())
	if err := admin.Read(b.Context()).Exec("CREATE DATABASE " + name).Error; err != nil {
		b.Fatal(err)
	}
	address := slices.Concat([]byte(server.URL[:len(server.URL)-len("postgres?sslmode=disable")]), []byte(name+"?sslmode=disable"))
	db := dbtest.Open(b, string(address))
	if _, _, err := db.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	return string(address)
}

// member is one person of a crowd before one waiting dialog.
type member struct {
	by     actor.Actor
	phone  apitest.Phone
	id     string // of the confirmation
	key    string // by which the test's doors know the session
	cookie string // by which a real service would
}

// crowd makes n confirmations that wait, in the workspace of one, all copies of one real one: pairing thousands of phones would measure pairing.
func crowd(b *testing.B, w *apitest.World, n int) []member {
	b.Helper()
	ana := w.Workspace("bench")
	phone := w.Phone(ana)
	v, _, err := w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.RevealToken})
	if err != nil {
		b.Fatal(err)
	}
	all := make([]member, n)
	w.InTx(func(tx database.Tx) error {
		confirmation, challenge, device := map[string]any{}, map[string]any{}, map[string]any{}
		err := errors.Join(tx.Table("confirmations").Where("id = ?", v.ID).Take(&confirmation).Error,
			tx.Table("challenges").Where("confirmation_id = ?", v.ID).Take(&challenge).Error,
			tx.Table("devices").Where("id = ?", phone.ID).Take(&device).Error)
		if err != nil {
			return err
		}
		return copies(tx, ana, *phone, all, confirmation, challenge, device)
	})
	if w.DB.Dialect == database.Postgres { // nobody has told the planner yet what autovacuum would
		w.InTx(func(tx database.Tx) error { return tx.Exec("ANALYZE").Error })
	}
	return all
}

func copies(tx database.Tx, ana actor.Actor, phone apitest.Phone, all []member, confirmation, challenge, device map[string]any) error {
	var devices, confirmations, challenges []map[string]any
	by := ana
	for i := range all {
		if i%perPerson == 0 {
			p, err := directory.Add(tx, ana, fmt.Sprint("p", i), fmt.Sprint("p", i, "@bench.test"), directory.Admin)
			if err != nil {
				return err
			}
			by.Person, phone.ID = p.ID, ident.New("dev")
			devices = append(devices, with(device, "id", phone.ID, "person_id", p.ID))
		}
		cookie := ident.Secret(32)
		by.Session = ident.Hash(cookie)
		all[i] = member{by: by, phone: phone, id: ident.New("cnf"), cookie: cookie}
		all[i].key = all[i].id
		confirmations = append(confirmations, with(confirmation, "id", all[i].id, "person_id", by.Person, "session_hash", by.Session))
		challenges = append(challenges, with(challenge, "confirmation_id", all[i].id, "device_id", phone.ID))
	}
	for _, t := range []struct {
		table string
		rows  []map[string]any
	}{{"devices", devices}, {"confirmations", confirmations}, {"challenges", challenges}} {
		for part := range slices.Chunk(t.rows, 300) {
			if err := tx.Table(t.table).Create(part).Error; err != nil {
				return err
			}
		}
	}
	return nil
}

// with is a row with other values in some of its columns.
func with(row map[string]any, changes ...any) map[string]any {
	out := make(map[string]any, len(row))
	for k, v := range row {
		out[k] = v
	}
	for i := 0; i < len(changes); i += 2 {
		out[changes[i].(string)] = changes[i+1] //nolint:forcetypeassert // the callers stand above
	}
	return out
}

// reachable gives every phone of the crowd an iPhone's address.
func reachable(tx database.Tx, all []member, topic string) error {
	for i := 0; i < len(all); i += perPerson {
		token := hex.EncodeToString(append(ident.Hash(all[i].phone.ID), 1))[:64]
		address, err := json.Marshal(map[string]string{"kind": "apns", "token": token, "env": "production", "topic": topic})
		if err != nil {
			return err
		}
		err = tx.Table("devices").Where("id = ?", all[i].phone.ID).Updates(map[string]any{"push_kind": "apns", "push_key": "apns|" + token, "push_address": string(address)}).Error
		if err != nil {
			return err
		}
	}
	return nil
}

// doors are the phone's and the dialog's doors of a world, with what must run beside them.
func doors(b *testing.B, w *apitest.World, who sessions, arrived chan time.Time) *httptest.Server {
	b.Helper()
	gin.SetMode(gin.ReleaseMode)
	dialogs := dialogapi.New(dialogapi.Deps{Confirms: w.Confirms, Hub: w.Hub, Sessions: who, PublicURL: apitest.PublicURL, Log: slog.New(slog.DiscardHandler)})
	e := gin.New()
	e.Use(func(c *gin.Context) {
		if c.Request.Method == http.MethodPost {
			arrived <- time.Now()
		}
	})
	mobileapi.New(mobileapi.Deps{Devices: w.Devices, Confirms: w.Confirms}).Mount(e.Group("/v1/device"))
	dialogs.Mount(e.Group("/v1/confirmations"))
	server := httptest.NewServer(e)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { dialogs.Run(ctx) })
	wg.Go(func() { w.Run(ctx) })
	b.Cleanup(func() { cancel(); wg.Wait(); server.Close() })
	return server
}

// limitsOf starts ./limits as a process of its own, and gives what it says.
func limitsOf(b *testing.B, what string) (map[string]string, *os.Process) {
	b.Helper()
	program, err := limits()
	if err != nil {
		b.Fatal(err)
	}
	return started(b, exec.Command(program, what))
}

// limits builds ./limits once.
var limits = sync.OnceValues(func() (string, error) { return build("limits", "./limits") })

// program builds the product once.
var program = sync.OnceValues(func() (string, error) { return build("countersign", "../cmd/countersign") })

func build(name, pkg string) (string, error) {
	dir, err := os.MkdirTemp("", "countersign-bench")
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, name)
	cmd := exec.Command("go", "build", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, said)
	}
	return out, nil
}

// started starts a command and reads the line of JSON that it begins with.
func started(b *testing.B, cmd *exec.Cmd) (map[string]string, *os.Process) {
	b.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	said := map[string]string{}
	if err := json.NewDecoder(out).Decode(&said); err != nil {
		b.Fatal(err)
	}
	return said, cmd.Process
}

// middleOf is the median of what several rounds measured.
func middleOf[T cmp.Ordered](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}

// used is the processor time of this process so far.
func used(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// busy says how many others want the processors, which no figure here is free of.
func busy(b *testing.B) {
	b.Helper()
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return
	}
	var one float64
	if _, err := fmt.Sscan(string(load), &one); err == nil {
		b.ReportMetric(one, "load")
	}
}
