package directory

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/scim"
)

// CursorLife is how long a paging cursor is good for.
const CursorLife = time.Hour

// What a paging cursor can be refused for (RFC 9865 §2.1).
var (
	ErrBadCursor     = fault.New(fault.Invalid, scim.InvalidCursor, "This cursor was not given for this query. Start from the first page.")
	ErrExpiredCursor = fault.New(fault.Invalid, scim.ExpiredCursor, "This cursor is older than an hour. Start from the first page.")
)

// position is where a page begins: after a row, or by index at an offset.
type position struct {
	created time.Time
	id      string
	sorted  *string // the row's value in an order of the client's own, nil where it has none
	offset  int     // resources on earlier pages
	total   int64   // of all pages
}

// cursors makes cursors that only this service can have made, bound to workspace, kind, filter and order.
type cursors struct {
	key []byte
	now func() time.Time
}

const macSize = 16

func (p *Provisioning) next(by actor.Actor, k *kind, q Query, at position) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(p.cursors.now().Add(CursorLife).Unix())) //nolint:gosec // a time after 1970
	b = binary.BigEndian.AppendUint64(b, uint64(at.created.UnixMicro()))                    //nolint:gosec // the same bits come back
	b = binary.BigEndian.AppendUint64(b, uint64(at.offset))                                 //nolint:gosec // never negative
	b = binary.BigEndian.AppendUint64(b, uint64(at.total))                                  //nolint:gosec // never negative
	b = append(append(b, byte(len(at.id))), at.id...)                                       //nolint:gosec // ids are short
	if at.sorted != nil {
		b = append(append(b, hasValue), *at.sorted...)
	}
	return base64.RawURLEncoding.EncodeToString(append(p.cursors.mac(b, by, k, q), b...))
}

// cursorForm changes when the bytes of a cursor mean something else: during an upgrade one version does not read another's.
const cursorForm = "2"

// hasValue stands before the value that a row is sorted by; without a value nothing does.
const hasValue = 1

// cursorHead is how many bytes of a cursor come before the id: four numbers and the id's length.
const cursorHead = 4*8 + 1

// position reads where the query's page begins.
func (p *Provisioning) position(by actor.Actor, k *kind, q Query) (position, error) {
	if !q.ByCursor {
		return position{offset: max(q.Start, 1) - 1}, nil
	}
	if q.Cursor == "" {
		return position{}, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(q.Cursor)
	if err != nil || len(raw) < macSize+cursorHead || !hmac.Equal(raw[:macSize], p.cursors.mac(raw[macSize:], by, k, q)) {
		return position{}, ErrBadCursor
	}
	b := raw[macSize:]
	if p.cursors.now().Unix() >= int64(binary.BigEndian.Uint64(b)) { //nolint:gosec // made by next
		return position{}, ErrExpiredCursor
	}
	rest := b[cursorHead:] // made by next, like everything behind the MAC
	id := int(b[cursorHead-1])
	at := position{created: time.UnixMicro(int64(binary.BigEndian.Uint64(b[8:]))).UTC(), offset: int(binary.BigEndian.Uint64(b[16:])), //nolint:gosec // made by next
		total: int64(binary.BigEndian.Uint64(b[24:])), id: string(rest[:id])} //nolint:gosec // made by next
	if rest = rest[id:]; len(rest) > 0 {
		value := string(rest[1:])
		at.sorted = &value
	}
	return at, nil
}

func (c cursors) mac(b []byte, by actor.Actor, k *kind, q Query) []byte {
	h := hmac.New(sha256.New, c.key)
	order := q.SortSaid
	if q.Descending {
		order += " descending"
	}
	for _, part := range []string{cursorForm, by.Workspace, k.table, q.Said, order, string(b)} {
		_ = binary.Write(h, binary.BigEndian, int64(len(part))) // a hash never fails
		h.Write([]byte(part))
	}
	return h.Sum(nil)[:macSize]
}
