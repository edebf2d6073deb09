package database_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/countersign/countersign/internal/database"
)

func TestWhatWaitsTogetherIsDoneTogether(t *testing.T) {
	var sizes []int
	first, goOn := make(chan struct{}), make(chan struct{})
	g := database.NewGather(1, func(_ context.Context, in []int) ([]int, error) {
		if sizes = append(sizes, len(in)); len(sizes) == 1 {
			close(first)
			<-goOn
		}
		out := make([]int, len(in))
		for i, n := range in {
			out[i] = n * n
		}
		return out, nil
	})
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			if got, err := g.Do(context.Background(), i); got != i*i || err != nil {
				t.Errorf("%d: %d, %v", i, got, err)
			}
		})
		if i == 0 {
			<-first
		} else {
			database.AwaitGathered(g, i)
		}
	}
	close(goOn)
	wg.Wait()
	if len(sizes) != 3 || sizes[0] != 1 || sizes[1] != 64 || sizes[2] != 35 {
		t.Errorf("batches of %v", sizes)
	}
}

func TestABatchThatFailsFailsForAllAndTheNextGoesOn(t *testing.T) {
	no := errors.New("no")
	var calls atomic.Int64
	g := database.NewGather(2, func(_ context.Context, in []bool) ([]bool, error) {
		calls.Add(1)
		for _, bad := range in {
			if bad {
				return nil, no
			}
		}
		return in, nil
	})
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			_, err := g.Do(context.Background(), i%10 == 0)
			if i%10 == 0 && !errors.Is(err, no) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if _, err := g.Do(t.Context(), false); err != nil {
		t.Error(err)
	}
}

func TestAPanicInABatchLeavesNobodyWaiting(t *testing.T) {
	g := database.NewGather(1, func(_ context.Context, in []bool) ([]bool, error) {
		for _, bad := range in {
			if bad {
				panic("bad")
			}
		}
		return in, nil
	})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			defer func() { _ = recover() }()
			_, _ = g.Do(context.Background(), i == 7)
		})
	}
	wg.Wait()
	if _, err := g.Do(t.Context(), false); err != nil {
		t.Error(err)
	}
}

func TestABatchOutlivesItsFirstCallAndHasAnEndOfItsOwn(t *testing.T) {
	gone, leave := context.WithCancel(context.Background())
	g := database.NewGather(1, func(ctx context.Context, in []int) ([]int, error) {
		leave()
		if _, ends := ctx.Deadline(); !ends {
			t.Error("a batch on a connection that is cut would never end")
		}
		return in, ctx.Err()
	})
	if _, err := g.Do(gone, 1); err != nil {
		t.Errorf("the call that led the batch went away: %v", err)
	}
}
