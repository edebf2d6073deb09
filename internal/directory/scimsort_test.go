package directory_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
)

// TestCursorsOfASortedListAreNotOffsets: between two pages somebody of an earlier page goes, comes, or moves to another place in the order.
// Nobody else is skipped or repeated for it.
func TestCursorsOfASortedListAreNotOffsets(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		for i := range 4 {
			h.user(fmt.Sprintf(`{"userName":"with%d","title":"t%d"}`, i, i/2))
			h.user(fmt.Sprintf(`{"userName":"without%d"}`, i))
		}
		long := strings.Repeat("x", 5000)
		for _, end := range []string{"a", "b"} {
			h.user(`{"userName":"long` + end + `","title":"` + long + end + `"}`)
		}
		for _, by := range []string{"title", "userName", "meta.created", "active"} {
			for _, descending := range []bool{false, true} {
				path, err := h.p.UserType().ParseSort(by)
				h.must(err)
				q := directory.Query{SortBy: &path, SortSaid: by, Descending: descending, Count: 20}
				whole, _ := h.names(q)
				q.Count, q.ByCursor = 3, true
				got, page := h.names(q)
				first := h.find(`userName eq "` + got[0] + `"`)[0]
				_, err = h.patch(first, `{"op":"replace","path":"title","value":"moved"}`)
				h.must(err)
				if len(page.Next) > 5000 {
					t.Errorf("by %s: a cursor of %d letters", by, len(page.Next))
				}
				for q.Cursor = page.Next; q.Cursor != ""; q.Cursor = page.Next {
					var some []string
					some, page = h.names(q)
					for _, name := range some {
						if name != whole[0] { // whoever has moved may come again
							got = append(got, name)
						}
					}
				}
				if diff := cmp.Diff(whole, got); diff != "" {
					t.Errorf("by %s, descending %v (- whole, + pages):\n%s", by, descending, diff)
				}
			}
		}
	})
}

// TestAFilterIsCountedOnce: the pages that follow the first one go by its count, by cursor and for a minute by index.
func TestAFilterIsCountedOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		now := time.Now()
		h.p = directory.NewProvisioning(h.dir, base, []byte("key"), func() time.Time { return now })
		h.users(9)
		const said = `userName sw "u"`
		ask := func(q directory.Query, most, total int64) directory.Page {
			t.Helper()
			q.Filter, q.Said, q.Count = h.filter(said), said, 2
			var page directory.Page
			if n := h.statements(func() { _, page = h.names(q) }); n > most {
				t.Errorf("%d statements, want at most %d", n, most)
			}
			if page.Total != total {
				t.Errorf("%d in all, want %d", page.Total, total)
			}
			return page
		}
		page := ask(directory.Query{ByCursor: true}, 2, 9)
		for range 3 {
			page = ask(directory.Query{ByCursor: true, Cursor: page.Next}, 1, 9)
		}
		if page.Next == "" {
			t.Error("the last page came too early")
		}
		ask(directory.Query{Start: 3}, 1, 9)
		h.user(`{"userName":"u9"}`)
		ask(directory.Query{Start: 5}, 1, 9)
		ask(directory.Query{Start: 1}, 2, 10) // whoever begins again wants to know
		ask(directory.Query{Start: 3}, 1, 10)
		h.user(`{"userName":"u10"}`)
		now = now.Add(time.Minute)
		ask(directory.Query{Start: 3}, 2, 11)
	})
}
