package device

import (
	"context"
	"slices"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/notice"
)

const (
	recoveryLife = 10 * time.Minute // of the operator's link
	recoveryPair = time.Hour        // to pair a phone once a recovery was granted
)

// How a recovery came about.
const (
	byOperator  = "operator"  // a link made on the server's own terminal
	byCode      = "code"      // one of the person's recovery codes
	byColleague = "colleague" // somebody compared words and confirmed on their own phone
)

// ErrRecoveryLink says that a recovery link is used up, too old or for somebody else.
var ErrRecoveryLink = fault.New(fault.Expired, "recovery_expired", "This recovery link has ended or is for somebody else. Ask the operator for a new one.")

// recoveryRow is a permission to pair one phone without the old one. An operator's link begins without session and pair_until; they are set
// when it is used. Those by code or colleague are made when they are granted.
type recoveryRow struct {
	SecretHash  []byte
	WorkspaceID string
	PersonID    string
	SessionHash []byte
	How         string
	CreatedAt   time.Time
	ExpiresAt   time.Time
	PairUntil   *time.Time
	EndedAt     *time.Time
}

func (recoveryRow) TableName() string { return "recoveries" }

// hold takes the lock of persons, in the order of their ids, before anything of theirs is decided. It is the row that confirm takes first too;
// the order everywhere is person, recovery, phone, confirmation.
func hold(tx database.Tx, people ...string) error {
	people = slices.Clone(people)
	slices.Sort(people)
	for _, p := range slices.Compact(people) {
		if err := tx.Exec("INSERT INTO confirmation_people (person_id) VALUES (?) ON CONFLICT DO NOTHING", p).Error; err != nil {
			return err
		}
		var held string
		if err := tx.Lock().Table("confirmation_people").Select("person_id").Where("person_id = ?", p).Take(&held).Error; err != nil {
			return err
		}
	}
	return nil
}

// OpenRecovery makes a one-time secret with which a person, signed in with their password, may pair a new phone. The operator's command
// calls it; the secret goes into a link's fragment. The person and every admin are told.
func (s *Service) OpenRecovery(tx database.Tx, by actor.Actor, person string) (secret string, expires time.Time, err error) {
	if err := hold(tx, person); err != nil {
		return "", time.Time{}, err
	}
	now, err := tx.Now()
	if err != nil {
		return "", now, err
	}
	who, err := directory.Find(tx.DB, by.Workspace, person)
	if err != nil {
		return "", now, err
	}
	secret, expires = ident.Secret(32), now.Add(recoveryLife)
	r := recoveryRow{SecretHash: ident.Hash(secret), WorkspaceID: by.Workspace, PersonID: person, How: byOperator, CreatedAt: now, ExpiresAt: expires}
	if err := tx.Create(&r).Error; err != nil {
		return "", now, err
	}
	if err := s.tell(tx, by.Workspace, "recovery.link_made", notice.Params{"person": who.Name, "expires_at": expires}, now, person); err != nil {
		return "", now, err
	}
	return secret, expires, audit.RecordAt(tx, by, "recovery.opened", person, nil, now)
}

// UseRecovery binds a recovery to the session that shows its secret; that session may pair one phone within an hour.
func (s *Service) UseRecovery(ctx context.Context, by actor.Actor, secret string) error {
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := fresh(tx, by)
		if err != nil {
			return err
		}
		until := now.Add(recoveryPair)
		res := tx.Model(&recoveryRow{}).Where("secret_hash = ? AND workspace_id = ? AND person_id = ? AND expires_at > ? AND pair_until IS NULL AND ended_at IS NULL",
			ident.Hash(secret), by.Workspace, by.Person, now).Updates(map[string]any{"session_hash": by.Session})
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return ErrRecoveryLink
		}
		if err := s.makeWay(tx, by, by.Person, ident.Hash(secret), now); err != nil {
			return err
		}
		if err := tx.Model(&recoveryRow{}).Where("secret_hash = ?", ident.Hash(secret)).Updates(map[string]any{"pair_until": until}).Error; err != nil {
			return err
		}
		if err := s.tell(tx, by.Workspace, "recovery.link_used", notice.Params{"person": by.Name}, now, by.Person); err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "recovery.used", by.Person, audit.Detail{"how": byOperator, "pair_until": until}, now)
	})
}

// fresh holds the person who acts, reads the clock and demands that they have just proved who they are.
func fresh(tx database.Tx, by actor.Actor) (time.Time, error) {
	if err := hold(tx, by.Person); err != nil {
		return time.Time{}, err
	}
	now, err := tx.Now()
	if err == nil && now.Sub(by.Verified) > freshFor {
		err = ErrReauthenticate
	}
	return now, err
}

// grant lets a session of person pair one phone within an hour, and ends everything that could stand beside it.
func (s *Service) grant(tx database.Tx, by actor.Actor, person string, session []byte, how string, now time.Time) (until time.Time, err error) {
	if err := s.makeWay(tx, by, person, nil, now); err != nil {
		return until, err
	}
	until = now.Add(recoveryPair)
	r := recoveryRow{SecretHash: ident.Hash(ident.Secret(32)), WorkspaceID: by.Workspace, PersonID: person, SessionHash: session, How: how, CreatedAt: now,
		ExpiresAt: now, PairUntil: &until}
	return until, tx.Create(&r).Error
}

// makeWay ends, in the transaction that grants a recovery, the person's other recoveries, their open question to a colleague, every phone
// they had (each with what it was asked) and every pairing that was begun. keep is the recovery that is being used.
func (s *Service) makeWay(tx database.Tx, by actor.Actor, person string, keep []byte, now time.Time) error {
	if err := s.endAppeals(tx, by, now, "superseded", "person_id = ? AND workspace_id = ?", person, by.Workspace); err != nil {
		return err
	}
	others := tx.Model(&recoveryRow{}).Where("person_id = ? AND workspace_id = ? AND ended_at IS NULL", person, by.Workspace)
	if keep != nil {
		others = others.Where("secret_hash <> ?", keep)
	}
	if err := others.Updates(map[string]any{"ended_at": now}).Error; err != nil {
		return err
	}
	return s.endOthers(tx, by, by.Workspace, person, "", "lost")
}

// recovering is the recovery under which by's session may pair now; nil when there is none.
func (s *Service) recovering(tx database.Tx, by actor.Actor, now time.Time) ([]byte, error) {
	var rows []recoveryRow
	err := tx.Where("session_hash = ? AND person_id = ? AND workspace_id = ? AND pair_until > ? AND ended_at IS NULL",
		by.Session, by.Person, by.Workspace, now).Limit(1).Find(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0].SecretHash, nil
}

// endRecovery: a recovery makes one phone. Whatever else was being paired beside it ends.
func (s *Service) endRecovery(tx database.Tx, by actor.Actor, device string, p pairingRow, now time.Time) error {
	if p.Recovery == nil {
		return nil
	}
	err := tx.Model(&recoveryRow{}).Where("secret_hash = ? AND ended_at IS NULL", p.Recovery).Updates(map[string]any{"ended_at": now}).Error
	if err != nil {
		return err
	}
	return s.endOthers(tx, by, p.WorkspaceID, p.PersonID, device, "replaced_by_recovery")
}

// EndSession ends what a sign-in's recovery was bound to, in the transaction that ends it: an open question to a colleague and a permission to
// pair are worth nothing in another session.
func (s *Service) EndSession(tx database.Tx, by actor.Actor, at time.Time) error {
	if err := s.endAppeals(tx, by, at, "signed_out", "session_hash = ? AND workspace_id = ?", by.Session, by.Workspace); err != nil {
		return err
	}
	return tx.Model(&recoveryRow{}).Where("session_hash = ? AND workspace_id = ? AND ended_at IS NULL", by.Session, by.Workspace).
		Updates(map[string]any{"ended_at": at}).Error
}

// endRecoveries ends what a person who is deactivated has open, and what they were asked.
func (s *Service) endRecoveries(tx database.Tx, by actor.Actor, workspace, person string, now time.Time) error {
	by.Workspace = workspace
	if err := s.endAppeals(tx, by, now, "deactivated", "(person_id = ? OR approver_id = ?) AND workspace_id = ?", person, person, workspace); err != nil {
		return err
	}
	return tx.Model(&recoveryRow{}).Where("person_id = ? AND workspace_id = ? AND ended_at IS NULL", person, workspace).Updates(map[string]any{"ended_at": now}).Error
}

// tell writes a notice to people and to every active admin of the workspace.
func (s *Service) tell(tx database.Tx, workspace, kind string, params notice.Params, now time.Time, people ...string) error {
	admins, err := directory.Admins(tx.DB, workspace)
	if err != nil {
		return err
	}
	return notice.Tell(tx, workspace, append(people, admins...), kind, params, now)
}
