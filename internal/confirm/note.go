package confirm

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/limit"
)

const (
	longestNote = 500            // characters
	noteOnce    = 24 * time.Hour // in which a report takes one note
)

// What a note to a report refuses.
var (
	ErrNote        = fault.New(fault.Invalid, "bad_note", "A note has 1 to 500 characters.")
	ErrNotReported = fault.New(fault.Conflict, "not_reported", "Only a request that you have reported takes a note.")
	ErrNoted       = fault.New(fault.Conflict, "already_noted", "A note to this report was written already.")
)

// Annotate adds, once, what somebody wants to say about a request that they have reported. It stands in the audit beside the report; blanks and
// ends of lines count as one blank.
func (s *Service) Annotate(ctx context.Context, by actor.Actor, id, note string) error {
	if !utf8.ValidString(note) {
		return ErrNote
	}
	note = strings.Join(strings.Fields(note), " ")
	if n := utf8.RuneCountInString(note); n < 1 || n > longestNote || strings.ContainsRune(note, 0) {
		return ErrNote
	}
	if err := s.Foreign(ctx, by, id); err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		r, err := lock(tx, by.Workspace, id)
		if err != nil {
			return err
		}
		if r.ReportedAt == nil || r.PersonID != by.Person {
			return ErrNotReported
		}
		n, _, err := limit.Count(tx, "note to report "+id, noteOnce)
		if err == nil && n > 1 {
			err = ErrNoted
		}
		if err != nil {
			return err
		}
		return audit.Record(tx, by, "confirmation.report_noted", id, audit.Detail{"action": r.Action, "note": note})
	})
}
