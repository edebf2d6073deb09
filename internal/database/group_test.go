package database_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
)

func put(key string) func(database.Tx) error {
	return func(tx database.Tx) error { return tx.Create(&counter{Key: key, ExpiresAt: time.Now()}).Error }
}

func there(t *testing.T, db *database.DB, like string) (n int64) {
	t.Helper()
	if err := db.Read(context.Background()).Model(&counter{}).Where("key LIKE ?", like).Count(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}

// together runs the transactions so that all but the first wait while the first one runs, which on SQLite makes them one group, in this order.
func together(t *testing.T, db *database.DB, all ...func(database.Tx) error) []error {
	t.Helper()
	database.Patient(db)
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	inside, goOn := make(chan struct{}), make(chan struct{})
	for i, do := range all {
		wg.Go(func() {
			errs[i] = db.InTx(context.Background(), func(tx database.Tx) error {
				if i == 0 {
					close(inside)
					<-goOn
				}
				return do(tx)
			})
		})
		if i == 0 {
			<-inside
		} else {
			database.AwaitWaiting(db, i)
		}
	}
	close(goOn)
	wg.Wait()
	return errs
}

var errNo = errors.New("no")

func TestOneOfAGroupFailsAlone(t *testing.T) {
	fails := func(tx database.Tx) error { return errors.Join(put("lost")(tx), errNo) }
	for name, order := range map[string][]bool{ // which of them fail
		"the first":             {true, false, false},
		"one in the middle":     {false, true, false},
		"the last":              {false, false, true},
		"the first two":         {true, true, false},
		"all of them":           {true, true, true},
		"all but one":           {true, false, true},
		"none":                  {false, false, false},
		"one that breaks a key": nil,
	} {
		t.Run(name, func(t *testing.T) {
			db := dbtest.Open(t, dbtest.URL(t, database.SQLite))
			if order == nil {
				errs := together(t, db, put("kept 1"), put("kept 1"), put("kept 2"))
				if errs[0] != nil || errs[1] == nil || errs[2] != nil || there(t, db, "kept%") != 2 {
					t.Errorf("%v, %d kept", errs, there(t, db, "kept%"))
				}
				return
			}
			var all []func(database.Tx) error
			want := int64(0)
			for i, bad := range order {
				if bad {
					all = append(all, fails)
				} else {
					all, want = append(all, put(fmt.Sprint("kept ", i))), want+1
				}
			}
			for i, err := range together(t, db, all...) {
				if order[i] != errors.Is(err, errNo) {
					t.Errorf("%d: %v", i, err)
				}
			}
			if there(t, db, "kept%") != want || there(t, db, "lost") != 0 {
				t.Errorf("%d kept, want %d; %d lost ones are there", there(t, db, "kept%"), want, there(t, db, "lost"))
			}
		})
	}
}

func TestAGroupThatCannotBeCommittedIsAcknowledgedToNobody(t *testing.T) {
	db := dbtest.Open(t, dbtest.URL(t, database.SQLite))
	told := false
	errs := together(t, db, put("a"), func(tx database.Tx) error {
		tx.AfterCommit(func() { told = true })
		if err := tx.Exec("PRAGMA defer_foreign_keys = ON").Error; err != nil { // the commit finds out
			return err
		}
		return tx.Exec("INSERT INTO passwords (person_id, hash, changed_at) VALUES ('nobody', '', ?)", time.Now()).Error
	}, put("b"))
	for i, err := range errs {
		if err == nil || !strings.Contains(err.Error(), "FOREIGN KEY") && !strings.Contains(err.Error(), "violate") {
			t.Errorf("%d: %v, want the commit's error", i, err)
		}
	}
	if there(t, db, "%") != 0 || told {
		t.Errorf("%d are there, told %v", there(t, db, "%"), told)
	}
	if err := db.InTx(t.Context(), put("c")); err != nil || there(t, db, "%") != 1 {
		t.Errorf("afterwards: %v", err)
	}
}

func TestAGroupWhoseTransactionSQLiteEndedIsAcknowledgedToNobody(t *testing.T) {
	db := dbtest.Open(t, dbtest.URL(t, database.SQLite))
	errs := together(t, db, put("a"), func(tx database.Tx) error {
		return tx.Exec("ROLLBACK").Error // as SQLite does by itself when the disk is full
	}, put("b"))
	if errs[0] == nil || errs[1] == nil || there(t, db, "a") != 0 {
		t.Errorf("%v", errs)
	}
	if n := there(t, db, "b"); (errs[2] == nil) != (n == 1) {
		t.Errorf("%v, and %d are there", errs[2], n)
	}
}

func TestAPanicInAGroupIsTheOwnersAlone(t *testing.T) {
	db := dbtest.Open(t, dbtest.URL(t, database.SQLite))
	panics := func(database.Tx) error { panic("mine") }
	for _, at := range []int{0, 1} {
		all := []func(database.Tx) error{put(fmt.Sprint("x", at)), put(fmt.Sprint("y", at)), put(fmt.Sprint("z", at))}
		all[at] = func(tx database.Tx) (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = errNo
				}
			}()
			return panics(tx)
		}
		if errs := together(t, db, all...); !errors.Is(errs[at], errNo) || there(t, db, "%") != int64(2*(at+1)) {
			t.Errorf("%v, %d are there", errs, there(t, db, "%"))
		}
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = db.InTx(t.Context(), panics)
	}()
	if err := db.InTx(t.Context(), put("after")); err != nil {
		t.Error(err)
	}
}

func TestWhoWaitsAndGivesUpLeavesTheQueue(t *testing.T) {
	db := dbtest.Open(t, dbtest.URL(t, database.SQLite))
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	err := db.InTx(t.Context(), func(tx database.Tx) error {
		go func() { gone <- db.InTx(ctx, put("gone")) }()
		database.AwaitWaiting(db, 1)
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("gave up with %v", err)
		}
		return put("here")(tx)
	})
	if err != nil || there(t, db, "%") != 1 {
		t.Errorf("%v, %d are there", err, there(t, db, "%"))
	}
}

func TestManyTransactionsAtOnceAreAllOrNothingEach(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		var wg sync.WaitGroup
		for w := range 16 {
			wg.Go(func() {
				for n := range 25 {
					key := fmt.Sprintf("k%d-%d", w, n)
					err := db.InTx(context.Background(), func(tx database.Tx) error {
						if err := put(key + "a")(tx); err != nil {
							return err
						}
						if n%3 == 0 {
							return errNo
						}
						return put(key + "b")(tx)
					})
					if (n%3 == 0) != errors.Is(err, errNo) {
						t.Errorf("%s: %v", key, err)
					}
				}
			})
		}
		wg.Wait()
		if a, b := there(t, db, "k%a"), there(t, db, "k%b"); a != 16*16 || b != a {
			t.Errorf("%d and %d halves, want %d", a, b, 16*16)
		}
	})
}
