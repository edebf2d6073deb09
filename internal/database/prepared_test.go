package database_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
)

// TestKeptStatementsAreLikeNewOnes: SQLite's connections keep the statements that they have prepared.
func TestKeptStatementsAreLikeNewOnes(t *testing.T) {
	db := dbtest.Open(t, "sqlite://"+filepath.Join(t.TempDir(), "kept.db"))
	in := func(do func(tx database.Tx) error) {
		t.Helper()
		if err := db.InTx(t.Context(), do); err != nil {
			t.Fatal(err)
		}
	}
	in(func(tx database.Tx) error {
		return tx.Exec("CREATE TABLE things (n integer PRIMARY KEY, name text)").Error
	})
	put := func(tx database.Tx, n int, name *string) error {
		return tx.Exec("INSERT INTO things (n, name) VALUES (?, ?)", n, name).Error
	}
	one := "one"
	in(func(tx database.Tx) error {
		for n := range 3 { // the second has nothing left of the first one's arguments
			if err := put(tx, n, map[int]*string{0: &one, 2: &one}[n]); err != nil {
				return err
			}
		}
		if err := put(tx, 1, nil); err == nil {
			t.Error("a number was taken twice")
		}
		return put(tx, 3, &one) // after an error
	})
	const all = "SELECT n, COALESCE(name, '-') FROM things ORDER BY n"
	read := func(g *gorm.DB) (out string) {
		t.Helper()
		rows, err := g.Raw(all).Rows()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var n int
			var name string
			if err := rows.Scan(&n, &name); err != nil {
				t.Fatal(err)
			}
			out += fmt.Sprint(n, name, " ")
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return out
	}
	want := "0one 1- 2one 3one "
	in(func(tx database.Tx) error {
		rows, err := tx.Raw(all).Rows()
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		if !rows.Next() || rows.Err() != nil {
			t.Errorf("the first row is missing: %v", rows.Err())
		}
		if got := read(tx.DB); got != want { // while the first reader is in the middle
			t.Errorf("a second reader of the same statement reads %q, want %q", got, want)
		}
		return nil
	})
	in(func(tx database.Tx) error {
		return tx.Exec("ALTER TABLE things ADD COLUMN more text DEFAULT 'x'").Error
	})
	if got := read(db.Read(t.Context())); got != want {
		t.Errorf("after the table has changed it reads %q, want %q", got, want)
	}
	in(func(tx database.Tx) error { // more than are kept, and one that is too long
		for n := range 600 {
			var got int
			if err := tx.Raw(fmt.Sprintf("SELECT %d", n)).Scan(&got).Error; err != nil || got != n {
				return fmt.Errorf("SELECT %d gives %d: %w", n, got, err)
			}
		}
		var got int
		if err := tx.Raw("SELECT 7 -- " + strings.Repeat("x", 5000)).Scan(&got).Error; err != nil || got != 7 {
			t.Errorf("a long statement gives %d, %v", got, err)
		}
		if err := tx.Exec("INSERT INTO nowhere VALUES (1)").Error; err == nil || !strings.Contains(err.Error(), "nowhere") {
			t.Errorf("a wrong statement: %v", err)
		}
		return tx.Exec("DELETE FROM things WHERE n > ?", time.Now().Year()).Error
	})
	if got := read(db.Read(t.Context())); got != want {
		t.Errorf("at the end it reads %q, want %q", got, want)
	}
}
