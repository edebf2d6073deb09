// Command bare is what the benchmark measures the product against: net/http and pgx doing the same one statement on the same tables, with no
// validation, no token, no log and no audit. It is the least that a Go server over this schema can cost.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	columns = "id, user_name, active, coalesce(external_id, ''), attributes, version, created_at, updated_at"
	insert  = `INSERT INTO bare_people (id, workspace_id, source, role, active, user_name, user_name_key, name, name_key, email, email_key, external_id,
		attributes, search, created_at, updated_at) VALUES ($1, $2, 'directory', 'user', true, $3, $3, $4, $4, $3, $3, $5, $6, $6, $7, $7)`
)

var selects = map[string]string{
	"id":         "SELECT " + columns + " FROM people WHERE id = $2 AND workspace_id = $1",
	"userName":   "SELECT " + columns + " FROM people WHERE workspace_id = $1 AND user_name_key = $2 AND deleted_at IS NULL",
	"externalId": "SELECT " + columns + " FROM people WHERE workspace_id = $1 AND external_id = $2 AND deleted_at IS NULL",
	"email":      "SELECT " + columns + " FROM people WHERE workspace_id = $1 AND email_key = $2 AND deleted_at IS NULL",
}

type person struct {
	ID         string          `json:"id"`
	UserName   string          `json:"userName"`
	Active     bool            `json:"active"`
	ExternalID string          `json:"externalId"`
	Attributes json.RawMessage `json:"attributes"`
	Version    int64           `json:"version"`
	Created    time.Time       `json:"created"`
	Updated    time.Time       `json:"updated"`
}

func (p *person) fields() []any {
	return []any{&p.ID, &p.UserName, &p.Active, &p.ExternalID, &p.Attributes, &p.Version, &p.Created, &p.Updated}
}

type server struct {
	db        *pgxpool.Pool
	workspace string
	made      atomic.Int64
	start     int64
}

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves the database at url for one workspace and prints the address.
func run(url, workspace string) error {
	pool, err := pgxpool.New(context.Background(), url+"&pool_max_conns=20")
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &server{db: pool, workspace: workspace, start: time.Now().UnixNano()}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /people", answers(s.create))
	mux.HandleFunc("GET /people/{by}/{value}", answers(s.read))
	mux.HandleFunc("PATCH /people/{id}", answers(s.change))
	mux.HandleFunc("GET /page", answers(s.page))
	fmt.Println(l.Addr())
	return (&http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}).Serve(l)
}

func answers(do func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := do(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		out, err := json.Marshal(v)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(out)
	}
}

func (s *server) create(r *http.Request) (any, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var in struct{ UserName, DisplayName, ExternalID string }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	now := time.Now()
	p := person{ID: fmt.Sprintf("ppl_bare%x_%d", s.start, s.made.Add(1)), UserName: in.UserName, Active: true, ExternalID: in.ExternalID, Attributes: body,
		Version: 1, Created: now, Updated: now}
	_, err = s.db.Exec(r.Context(), insert, p.ID, s.workspace, p.UserName, in.DisplayName, p.ExternalID, string(body), now)
	return p, err
}

func (s *server) read(r *http.Request) (any, error) {
	var p person
	err := s.db.QueryRow(r.Context(), selects[r.PathValue("by")], s.workspace, r.PathValue("value")).Scan(p.fields()...)
	return p, err
}

// change locks a person, changes the attributes in memory and writes them.
func (s *server) change(r *http.Request) (any, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var p person
	return &p, pgx.BeginFunc(r.Context(), s.db, func(tx pgx.Tx) error {
		err := tx.QueryRow(r.Context(), "SELECT "+columns+" FROM people WHERE id = $2 AND workspace_id = $1 FOR UPDATE", s.workspace, r.PathValue("id")).Scan(p.fields()...)
		if err != nil {
			return err
		}
		in := map[string]any{}
		if err := json.Unmarshal(p.Attributes, &in); err != nil {
			return err
		}
		if err := json.Unmarshal(body, &in); err != nil {
			return err
		}
		if p.Attributes, err = json.Marshal(in); err != nil {
			return err
		}
		if active, said := in["active"].(bool); said {
			p.Active = active
		}
		p.Version, p.Updated = p.Version+1, time.Now()
		_, err = tx.Exec(r.Context(), "UPDATE people SET attributes = $2, search = $2, active = $3, version = $4, updated_at = $5 WHERE id = $1",
			p.ID, string(p.Attributes), p.Active, p.Version, p.Updated)
		return err
	})
}

// page is a keyset page of 100; after is where the last one ended.
func (s *server) page(r *http.Request) (any, error) {
	after, err := time.Parse(time.RFC3339Nano, r.FormValue("created"))
	if err != nil {
		return nil, err
	}
	rows, err := s.db.Query(r.Context(), "SELECT "+columns+" FROM people WHERE workspace_id = $1 AND deleted_at IS NULL AND (created_at, id) > ($2, $3)"+
		" ORDER BY created_at, id LIMIT 100", s.workspace, after, r.FormValue("id"))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p person, err error) { return p, row.Scan(p.fields()...) })
}
