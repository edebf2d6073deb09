package directory_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/scim"
)

// names lists the userNames of a page.
func (h *house) names(q directory.Query) ([]string, directory.Page) {
	h.t.Helper()
	page, err := h.p.Users(h.t.Context(), h.by, q)
	if err != nil {
		h.t.Fatal(err)
	}
	names := []string{}
	for _, r := range page.Resources {
		names = append(names, scim.Text(r, "userName"))
	}
	return names, page
}

func (h *house) five() {
	for i, title := range []string{`"title":"b",`, ``, `"title":"A",`, `"title":"É",`, `"title":"a",`} {
		h.user(fmt.Sprintf(`{%s"userName":"u%d","emails":[{"value":"%d@x","type":"work"},{"value":"%d@y","primary":true}],"active":%v}`, title, i, i, 9-i, i != 2))
	}
}

func TestPagingByIndex(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		h.five()
		for _, c := range []struct {
			start, count int
			want         []string
			shownStart   int
		}{
			{1, 2, []string{"u0", "u1"}, 1}, {3, 2, []string{"u2", "u3"}, 3}, {5, 2, []string{"u4"}, 5}, {0, 2, []string{"u0", "u1"}, 1}, {-7, 1, []string{"u0"}, 1},
			{1, 0, []string{}, 1}, {1, -5, []string{}, 1}, {6, 2, []string{}, 6}, {1 << 40, 2, []string{}, 1 << 40}, {1, 100000, []string{"u0", "u1", "u2", "u3", "u4"}, 1},
		} {
			names, page := h.names(directory.Query{Start: c.start, Count: c.count})
			if !cmp.Equal(names, c.want) || page.Total != 5 || page.Start != c.shownStart || page.Next != "" || page.Resources == nil {
				t.Errorf("%d, %d: %v of %d from %d, want %v of 5 from %d", c.start, c.count, names, page.Total, page.Start, c.want, c.shownStart)
			}
		}
	})
}

func TestSorting(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		h.five()
		for _, c := range []struct {
			by         string
			descending bool
			want       string
		}{
			{"userName", true, "u4 u3 u2 u1 u0"}, {"id", false, ""}, {"title", false, "u2 u4 u0 u3 u1"}, {"title", true, "u1 u3 u0 u2 u4"},
			{"emails", false, "u4 u3 u2 u1 u0"}, {"emails.value", true, "u0 u1 u2 u3 u4"}, {"emails.type", false, "u0 u1 u2 u3 u4"}, {"active", false, "u2 u0 u1 u3 u4"},
			{"meta.created", true, "u4 u3 u2 u1 u0"}, {"displayName", false, "u0 u1 u2 u3 u4"}, {"meta.resourceType", false, ""}, {"manager", false, "u0 u1 u2 u3 u4"},
			{"manager.displayName", false, "u0 u1 u2 u3 u4"}, {"meta.location", false, ""},
		} {
			path, err := h.p.UserType().ParseSort(c.by)
			if err != nil {
				t.Fatal(err)
			}
			names, _ := h.names(directory.Query{SortBy: &path, SortSaid: c.by, Descending: c.descending, Count: 10})
			if got := strings.Join(names, " "); c.want != "" && got != c.want || len(names) != 5 {
				t.Errorf("by %s, descending %v: %s, want %s", c.by, c.descending, got, c.want)
			}
			// Page by page, by index and by cursor, it is the same order.
			var paged, cursored []string
			q := directory.Query{SortBy: &path, SortSaid: c.by, Descending: c.descending, Count: 2, ByCursor: true}
			for start := 1; start <= 5; start += 2 {
				some, _ := h.names(directory.Query{SortBy: &path, Descending: c.descending, Count: 2, Start: start})
				paged = append(paged, some...)
				some, page := h.names(q)
				cursored, q.Cursor = append(cursored, some...), page.Next
			}
			if !cmp.Equal(paged, names) || !cmp.Equal(cursored, names) || q.Cursor != "" {
				t.Errorf("by %s: pages give %v and %v, the whole %v", c.by, paged, cursored, names)
			}
		}
		for _, by := range []string{"nonsense", "groups", "name", "password", "emails[type eq \"work\"].value", "schemas"} {
			if _, err := h.p.UserType().ParseSort(by); err == nil {
				t.Errorf("there is an order by %s", by)
			}
		}
	})
}

func TestPagingByCursor(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		now := time.Now()
		h.p = directory.NewProvisioning(h.dir, base, []byte("key"), func() time.Time { return now })
		h.five()
		q := directory.Query{Filter: h.filter(`userName sw "u"`), Said: `userName sw "u"`, Count: 2, ByCursor: true}
		first, page := h.names(q)
		if !cmp.Equal(first, []string{"u0", "u1"}) || page.Total != 5 {
			t.Fatalf("%v of %d", first, page.Total)
		}
		// Somebody of an earlier page is deleted: nobody is skipped.
		if err := h.p.DeleteUser(t.Context(), h.by, h.find(`userName eq "u0"`)[0], nil); err != nil {
			t.Fatal(err)
		}
		q.Cursor = page.Next
		second, page := h.names(q)
		if !cmp.Equal(second, []string{"u2", "u3"}) {
			t.Errorf("the second page is %v", second)
		}
		third := q
		third.Cursor = page.Next
		if last, page := h.names(third); !cmp.Equal(last, []string{"u4"}) || page.Next != "" {
			t.Errorf("the last page is %v, and then %q", last, page.Next)
		}
		other := newHouse(t, db)
		other.p = h.p
		for name, try := range map[string]func() error{
			"another filter": func() error {
				r := q
				r.Said = `userName sw "U"`
				_, err := h.p.Users(t.Context(), h.by, r)
				return err
			},
			"another order":     func() error { r := q; r.SortSaid = "title"; _, err := h.p.Users(t.Context(), h.by, r); return err },
			"another direction": func() error { r := q; r.Descending = true; _, err := h.p.Users(t.Context(), h.by, r); return err },
			"another kind": func() error {
				_, err := h.p.Groups(t.Context(), h.by, directory.Query{Said: q.Said, Count: 2, ByCursor: true, Cursor: q.Cursor})
				return err
			},
			"another workspace": func() error { _, err := h.p.Users(t.Context(), other.by, q); return err },
			"a changed letter": func() error {
				r := q
				changed := "A"
				if r.Cursor[0] == 'A' {
					changed = "B"
				}
				r.Cursor = changed + r.Cursor[1:]
				_, err := h.p.Users(t.Context(), h.by, r)
				return err
			},
			"nonsense": func() error { r := q; r.Cursor = "x.y"; _, err := h.p.Users(t.Context(), h.by, r); return err },
		} {
			if err := try(); !errors.Is(err, directory.ErrBadCursor) {
				t.Errorf("%s: %v, want invalidCursor", name, err)
			}
		}
		now = now.Add(directory.CursorLife)
		if _, err := h.p.Users(t.Context(), h.by, q); !errors.Is(err, directory.ErrExpiredCursor) {
			t.Errorf("after an hour: %v, want expiredCursor", err)
		}
	})
}

// TestPagesAreTheWhole checks that pages of any size, by index and by cursor, are the whole list, each once, in any order.
func TestPagesAreTheWhole(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		rapid.Check(t, func(rt *rapid.T) {
			h := newHouse(t, db)
			for n := range rapid.IntRange(0, 6).Draw(rt, "people") {
				h.user(person(rt, n, nil))
			}
			q := directory.Query{Count: 50, Descending: rapid.Bool().Draw(rt, "descending")}
			if by := rapid.SampledFrom([]string{"", "title", "emails", "userName", "department", "emails.primary", "meta.lastModified"}).Draw(rt, "sortBy"); by != "" {
				path, err := h.p.UserType().ParseSort(by)
				if err != nil {
					rt.Fatal(err)
				}
				q.SortBy, q.SortSaid = &path, by
			}
			all, _ := h.names(q)
			q.Count = rapid.IntRange(1, 4).Draw(rt, "size")
			var byIndex, byCursor []string
			for start := 1; start <= len(all); start += q.Count {
				q.Start = start
				some, page := h.names(q)
				byIndex = append(byIndex, some...)
				if int(page.Total) != len(all) {
					rt.Fatalf("total %d, want %d", page.Total, len(all))
				}
			}
			q.ByCursor = true
			for more := true; more; more = q.Cursor != "" {
				some, page := h.names(q)
				byCursor, q.Cursor = append(byCursor, some...), page.Next
			}
			if !slices.Equal(byIndex, all) && len(all) > 0 || !slices.Equal(byCursor, all) {
				rt.Fatalf("whole %v, by index %v, by cursor %v", all, byIndex, byCursor)
			}
		})
	})
}
