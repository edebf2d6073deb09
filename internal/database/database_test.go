package database_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/migrations"
)

type counter struct {
	Key       string `gorm:"primaryKey"`
	Count     int64
	ExpiresAt time.Time
}

func TestEveryTimeIsUTCAndFoundInAnotherZone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		at := time.Date(2026, 5, 3, 14, 2, 3, 123456789, time.FixedZone("east", 7200))
		err := db.InTx(t.Context(), func(tx database.Tx) error { return tx.Create(&counter{Key: "a", ExpiresAt: at}).Error })
		if err != nil {
			t.Fatal(err)
		}
		var got counter
		if err := db.Read(t.Context()).Where("expires_at = ?", at.In(time.FixedZone("west", -3600))).Take(&got).Error; err != nil {
			t.Fatal(err)
		}
		if got.ExpiresAt.Location() != time.UTC || !got.ExpiresAt.Equal(at.Truncate(time.Microsecond)) {
			t.Errorf("got %v, want %v in UTC, cut to microseconds", got.ExpiresAt, at)
		}
	})
}

func TestADuplicateKeyIsTranslated(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		put := func() error {
			return db.InTx(t.Context(), func(tx database.Tx) error { return tx.Create(&counter{Key: "a", ExpiresAt: time.Now()}).Error })
		}
		if err := put(); err != nil {
			t.Fatal(err)
		}
		if err := put(); !errors.Is(err, gorm.ErrDuplicatedKey) {
			t.Errorf("second insert: %v, want a duplicate key", err)
		}
	})
}

func TestConcurrentReadThenWriteLosesNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		if err := db.InTx(t.Context(), func(tx database.Tx) error { return tx.Create(&counter{Key: "a", ExpiresAt: time.Now()}).Error }); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				err := db.InTx(context.Background(), func(tx database.Tx) error {
					var c counter
					if err := tx.Lock().Where("key = ?", "a").Take(&c).Error; err != nil {
						return err
					}
					return tx.Model(&counter{}).Where("key = ?", "a").Updates(map[string]any{"count": c.Count + 1}).Error
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var c counter
		if err := db.Read(t.Context()).Take(&c).Error; err != nil || c.Count != 50 {
			t.Errorf("count %d (%v), want 50", c.Count, err)
		}
	})
}

func TestAfterCommitIsNotReachedByARollback(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		told := false
		wanted := errors.New("no")
		err := db.InTx(t.Context(), func(tx database.Tx) error {
			tx.AfterCommit(func() { told = true })
			return wanted
		})
		if !errors.Is(err, wanted) || told {
			t.Errorf("err %v, told %v", err, told)
		}
	})
}

func TestTheReaderOfSQLiteCannotWrite(t *testing.T) {
	db := dbtest.Open(t, dbtest.URL(t, database.SQLite))
	if err := db.Read(t.Context()).Create(&counter{Key: "a", ExpiresAt: time.Now()}).Error; err == nil {
		t.Error("the reading pool wrote")
	}
}

func TestTheClockOffsetMovesTheJudgingClock(t *testing.T) {
	for _, d := range dbtest.Dialects {
		t.Run(d, func(t *testing.T) {
			db := dbtest.Open(t, dbtest.URL(t, d), database.WithClockOffset(func() time.Duration { return time.Hour }))
			err := db.InTx(t.Context(), func(tx database.Tx) error {
				now, err := tx.Now()
				if ahead := time.Until(now); ahead < 59*time.Minute {
					t.Errorf("the clock is %v ahead, want an hour", ahead)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestReplicasThatMigrateAtOnceWaitForEachOther(t *testing.T) {
	for _, d := range dbtest.Dialects {
		t.Run(d, func(t *testing.T) {
			url := dbtest.Empty(t, d)
			var wg sync.WaitGroup
			total := make([]int, 4)
			for i := range total {
				wg.Go(func() {
					db, err := database.Open(context.Background(), url)
					if err != nil {
						t.Error(err)
						return
					}
					defer func() { _ = db.Close() }()
					if total[i], _, err = db.Migrate(context.Background()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			sum := 0
			for _, n := range total {
				sum += n
			}
			files, err := migrations.For(d)
			if err != nil {
				t.Fatal(err)
			}
			all, err := fs.Glob(files, "*.sql")
			if err != nil || sum != len(all) {
				t.Errorf("%d steps were taken in all, want %d (%v)", sum, len(all), err)
			}
		})
	}
}

func TestAFolderMayHaveAnyName(t *testing.T) {
	for _, name := range []string{"a#b", "a%20b", "a?b", "ä b"} {
		file := filepath.Join(t.TempDir(), name, "x.db")
		db, err := database.Open(t.Context(), "sqlite://"+file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, _, err := db.Migrate(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := db.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
