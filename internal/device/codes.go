package device

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/limit"
	"github.com/countersign/countersign/internal/notice"
)

const (
	codesInSet     = 10
	codeLength     = 10               // Crockford characters, 50 random bits
	firstCodesFor  = 15 * time.Minute // after pairing, the first set needs no further confirmation
	maxWrongBackup = 10               // wrong recovery codes of one person in a window
	backupWindow   = time.Hour
)

// What recovery codes refuse. A code that is wrong, used or of an older set is one and the same answer.
var (
	ErrWrongBackup = fault.New(fault.Unprocessable, "wrong_recovery_code", "That is not one of your unused recovery codes. Nothing was changed.")
	ErrBackupLimit = fault.New(fault.Limited, "rate_limited", "Too many wrong recovery codes. Recovery by code pauses for a while; a colleague, your phone and signing in still work.")
	errConfirm     = fault.New(fault.Forbidden, "confirmation_required", "This needs a confirmation on your phone first. Nothing was changed.")
	errRehearsed   = errors.New("device: rehearsed")
)

// Codes is how a person's recovery codes stand. CreatedAt is nil where there never were any.
type Codes struct {
	Total, Left int
	CreatedAt   *time.Time
}

type codeSetRow struct {
	ID          string
	WorkspaceID string
	PersonID    string
	Salt        []byte
	CreatedAt   time.Time
	EndedAt     *time.Time
}

func (codeSetRow) TableName() string { return "recovery_code_sets" }

type codeRow struct {
	SetID    string
	CodeHash []byte
	UsedAt   *time.Time
}

func (codeRow) TableName() string { return "recovery_codes" }

// MakeCodes makes ten new recovery codes and ends the old ones. It needs a fresh sign-in and a confirmation, which spend consumes in the same
// transaction; only the session that has just paired a phone makes the first set without one. The codes are returned this once.
func (s *Service) MakeCodes(ctx context.Context, by actor.Actor, spend func(database.Tx) error) ([]string, time.Time, error) {
	var at time.Time
	// The slow hash must not run inside a transaction, nor at all for somebody who may not have it: everything is tried once and taken back.
	rehearsal := s.DB.InTx(ctx, func(tx database.Tx) error {
		if _, err := s.mayMakeCodes(tx, by, spend); err != nil {
			return err
		}
		return errRehearsed
	})
	if !errors.Is(rehearsal, errRehearsed) {
		return nil, at, rehearsal
	}
	set := codeSetRow{ID: ident.New("rcs"), WorkspaceID: by.Workspace, PersonID: by.Person, Salt: []byte(ident.Secret(16))}
	codes, shown := make([]codeRow, codesInSet), make([]string, codesInSet)
	for i := range codes {
		code := ident.BackupCode(codeLength)
		hash, err := s.Stretch(ctx, code, set.Salt)
		if err != nil {
			return nil, at, err
		}
		codes[i], shown[i] = codeRow{SetID: set.ID, CodeHash: hash}, code[:codeLength/2]+"-"+code[codeLength/2:]
	}
	err := s.DB.InTx(ctx, func(tx database.Tx) (err error) {
		if at, err = s.mayMakeCodes(tx, by, spend); err != nil {
			return err
		}
		set.CreatedAt = at
		return s.keepCodes(tx, by, set, codes, at)
	})
	if err != nil {
		return nil, at, err
	}
	return shown, at, nil
}

func (s *Service) mayMakeCodes(tx database.Tx, by actor.Actor, spend func(database.Tx) error) (time.Time, error) {
	now, err := fresh(tx, by)
	if err != nil {
		return now, err
	}
	first, err := s.firstCodes(tx, by, now)
	if err != nil || first {
		return now, err
	}
	if spend == nil {
		return now, errConfirm
	}
	return now, spend(tx)
}

// firstCodes says whether by may have their first set without a confirmation: this very session has just paired a phone that is still active.
// A session that was stolen later, with the password too, has not.
func (s *Service) firstCodes(tx database.Tx, by actor.Actor, now time.Time) (bool, error) {
	var sets, fits int64
	if err := tx.Model(&codeSetRow{}).Where("person_id = ? AND workspace_id = ?", by.Person, by.Workspace).Count(&sets).Error; err != nil || sets > 0 {
		return false, err
	}
	err := tx.Table("pairings p").Joins("JOIN devices d ON d.id = p.device_id").
		Where("p.person_id = ? AND p.workspace_id = ? AND p.session_hash = ? AND p.state = ? AND d.state = ? AND d.activated_at > ?",
			by.Person, by.Workspace, by.Session, paired, Active, now.Add(-firstCodesFor)).Count(&fits).Error
	return fits > 0, err
}

func (s *Service) keepCodes(tx database.Tx, by actor.Actor, set codeSetRow, codes []codeRow, now time.Time) error {
	err := tx.Model(&codeSetRow{}).Where("person_id = ? AND ended_at IS NULL", by.Person).Updates(map[string]any{"ended_at": now}).Error
	if err != nil {
		return err
	}
	if err := tx.Create(&set).Error; err != nil {
		return err
	}
	if err := tx.Create(&codes).Error; err != nil {
		return err
	}
	if err := notice.Tell(tx, by.Workspace, []string{by.Person}, "recovery.codes_made", nil, now); err != nil {
		return err
	}
	return audit.RecordAt(tx, by, "recovery.codes_made", by.Person, audit.Detail{"codes": codesInSet}, now)
}

// CodesOf says how many unused recovery codes a person has.
func CodesOf(db *gorm.DB, workspace, person string) (Codes, error) {
	var sets []codeSetRow
	err := db.Where("person_id = ? AND workspace_id = ? AND ended_at IS NULL", person, workspace).Limit(1).Find(&sets).Error
	if err != nil || len(sets) == 0 {
		return Codes{}, err
	}
	var left int64
	err = db.Model(&codeRow{}).Where("set_id = ? AND used_at IS NULL", sets[0].ID).Count(&left).Error
	return Codes{Total: codesInSet, Left: int(left), CreatedAt: &sets[0].CreatedAt}, err
}

// UseCode spends one recovery code of the person who is freshly signed in: their phones end and this session may pair a new one within an hour.
// It shows no token and signs nobody in. Wrong codes are counted for the person and no one else, by themselves, so that neither the limits of
// confirmations nor those of signing in are touched.
func (s *Service) UseCode(ctx context.Context, by actor.Actor, typed string) (until time.Time, left int, err error) {
	now, err := s.DB.Now(ctx)
	if err != nil {
		return until, 0, err
	}
	if now.Sub(by.Verified) > freshFor {
		return until, 0, ErrReauthenticate
	}
	nth, in, err := s.countGuess(ctx, by)
	if err != nil {
		return until, 0, err
	}
	set, hash, err := s.stretched(ctx, by, typed)
	var wrong error // a wrong code stays counted, so its transaction commits
	if err == nil {
		err = s.DB.InTx(ctx, func(tx database.Tx) error {
			now, err := fresh(tx, by)
			if err != nil {
				return err
			}
			used, err := useCode(tx, set, hash, now)
			if err != nil {
				return err
			}
			if !used {
				wrong, err = s.wrongBackup(tx, by, nth, now.Add(in), now)
				return err
			}
			until, left, err = s.codeUsed(tx, by, now)
			return err
		})
	}
	if err != nil { // nobody looked at the code
		return until, 0, errors.Join(err, s.uncountGuess(ctx, by))
	}
	return until, left, wrong
}

// countGuess counts a code before the slow hash is computed: however many are sent at once, no more than ten cost one.
func (s *Service) countGuess(ctx context.Context, by actor.Actor) (nth int64, in time.Duration, err error) {
	err = s.DB.InTx(ctx, func(tx database.Tx) (err error) {
		if nth, in, err = limit.Peek(tx, backupKey(by.Person)); err != nil {
			return err
		}
		if nth >= maxWrongBackup {
			return ErrBackupLimit.After(in)
		}
		if nth, in, err = limit.Count(tx, backupKey(by.Person), backupWindow); err == nil && nth > maxWrongBackup {
			err = ErrBackupLimit.After(in) // others counted meanwhile
		}
		return err
	})
	return nth, in, err
}

func (s *Service) uncountGuess(ctx context.Context, by actor.Actor) error {
	return s.DB.InTx(context.WithoutCancel(ctx), func(tx database.Tx) error { return limit.Uncount(tx, backupKey(by.Person)) })
}

// stretched is the hash of what was typed under the salt of the person's current codes; nothing fits where there are none.
func (s *Service) stretched(ctx context.Context, by actor.Actor, typed string) (codeSetRow, []byte, error) {
	var sets []codeSetRow
	err := s.DB.Read(ctx).Where("person_id = ? AND workspace_id = ? AND ended_at IS NULL", by.Person, by.Workspace).Limit(1).Find(&sets).Error
	if err != nil || len(sets) == 0 {
		return codeSetRow{}, nil, err
	}
	if err := s.Restored.Check(ctx, sets[0].CreatedAt); err != nil { // spent ones are whole again
		return codeSetRow{}, nil, err
	}
	hash, err := s.Stretch(ctx, ident.NormalCode(typed), sets[0].Salt)
	return sets[0], hash, err
}

// useCode marks a code of a set that is still current; it is a compare-and-set, so one of many wins.
func useCode(tx database.Tx, set codeSetRow, hash []byte, now time.Time) (bool, error) {
	res := tx.Model(&codeRow{}).Where(`set_id = ? AND code_hash = ? AND used_at IS NULL
		AND EXISTS (SELECT 1 FROM recovery_code_sets s WHERE s.id = set_id AND s.ended_at IS NULL)`, set.ID, hash).Updates(map[string]any{"used_at": now})
	return res.RowsAffected == 1, res.Error
}

func backupKey(person string) string { return "recovery_code|" + person }

// wrongBackup tells of the nth wrong code; with the tenth, recovery by code pauses until the window ends, and the person and the admins are told.
func (s *Service) wrongBackup(tx database.Tx, by actor.Actor, nth int64, until, now time.Time) (wrong, err error) {
	if err := audit.RecordAt(tx, by, "recovery.code_refused", by.Person, audit.Detail{"tries_left": maxWrongBackup - nth}, now); err != nil {
		return nil, err
	}
	if nth < maxWrongBackup {
		return ErrWrongBackup.With("tries_left", maxWrongBackup-nth), nil
	}
	if err := audit.RecordAt(tx, by, "recovery.codes_paused", by.Person, audit.Detail{"until": until}, now); err != nil {
		return nil, err
	}
	params := notice.Params{"person": by.Name, "until": until}
	return ErrWrongBackup.With("tries_left", 0), s.tell(tx, by.Workspace, "recovery.codes_paused", params, now, by.Person)
}

func (s *Service) codeUsed(tx database.Tx, by actor.Actor, now time.Time) (until time.Time, left int, err error) {
	if until, err = s.grant(tx, by, by.Person, by.Session, byCode, now); err != nil {
		return until, 0, err
	}
	if err := limit.Clear(tx, backupKey(by.Person)); err != nil {
		return until, 0, err
	}
	codes, err := CodesOf(tx.DB, by.Workspace, by.Person)
	if err != nil {
		return until, 0, err
	}
	params := notice.Params{"person": by.Name, "left": codes.Left}
	if err := s.tell(tx, by.Workspace, "recovery.code_used", params, now, by.Person); err != nil {
		return until, 0, err
	}
	return until, codes.Left, audit.RecordAt(tx, by, "recovery.used", by.Person, audit.Detail{"how": byCode, "codes_left": codes.Left, "pair_until": until}, now)
}
