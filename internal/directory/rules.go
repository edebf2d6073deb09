package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/scim"
)

// rules are what a workspace has decided about its directory: schemas of its own, what feeds a person's fields, which roles teams give, when a
// mass removal is held. A workspace that has decided nothing has none (nil), and costs nothing.
type rules struct {
	people, teams *kind    // nil: the kinds that everybody has
	schemas       []Schema // of the workspace's own
	mapping       mapping
	roles         RoleMapping
	guard         *GuardPolicy // nil: DefaultGuard
	offersRoles   bool
}

type rulesRow struct {
	WorkspaceID string `gorm:"primaryKey"`
	Mapping     string
	Roles       string
	Guard       string
	OffersRoles bool
	UpdatedAt   time.Time
}

func (rulesRow) TableName() string { return "scim_rules" }

// ruleBook remembers the rules of workspaces. A change in this process is seen by the next call, one in another within lookAgain.
type ruleBook struct {
	mu      sync.Mutex
	epoch   int64
	checked time.Time
	of      map[string]*rules
}

const (
	lookAgain = time.Second
	mostRules = 20_000 // workspaces remembered
)

// rulesOf are the rules of a workspace, nil for none.
func (s *Service) rulesOf(ctx context.Context, workspace string) (*rules, error) {
	b := &s.book
	b.mu.Lock()
	defer b.mu.Unlock()
	db := s.db.Read(ctx)
	if now := time.Now(); b.of == nil || now.Sub(b.checked) >= lookAgain {
		var epoch int64
		if err := db.Raw("SELECT epoch FROM scim_rules_epoch").Scan(&epoch).Error; err != nil {
			return nil, err
		}
		if b.of == nil || epoch != b.epoch || len(b.of) > mostRules {
			b.of = map[string]*rules{}
		}
		b.epoch, b.checked = epoch, now
	}
	if r, known := b.of[workspace]; known {
		return r, nil
	}
	r, err := loadRules(db, workspace)
	if err == nil {
		b.of[workspace] = r
	}
	return r, err
}

// changed makes every process look at the rules again; this one at once.
func (s *Service) changedRules(tx database.Tx) error {
	tx.AfterCommit(func() {
		s.book.mu.Lock()
		defer s.book.mu.Unlock()
		s.book.of = nil
	})
	return tx.Exec("UPDATE scim_rules_epoch SET epoch = epoch + 1").Error
}

// loadRules reads the rules as they are in the database; nil for none.
func loadRules(db *gorm.DB, workspace string) (*rules, error) {
	var row rulesRow
	err := db.Where("workspace_id = ?", workspace).Take(&row).Error
	none := errors.Is(err, gorm.ErrRecordNotFound)
	if err != nil && !none {
		return nil, err
	}
	own, err := Schemas(db, workspace)
	if err != nil {
		return nil, err
	}
	if none && len(own) == 0 {
		return nil, nil //nolint:nilnil // it has decided nothing
	}
	r := &rules{schemas: own, offersRoles: row.OffersRoles}
	var users, groups []*scim.Schema
	for _, s := range own {
		if s.ResourceType == UserResource {
			users = append(users, s.scim())
		} else {
			groups = append(groups, s.scim())
		}
	}
	if len(own) > 0 {
		r.people, r.teams = newPeople(scim.Users(users...)), newTeams(scim.Groups(groups...))
	}
	if none {
		return r, nil
	}
	var m AttributeMapping
	if err := errors.Join(stored(row.Mapping, &m), stored(row.Roles, &r.roles), stored(row.Guard, &r.guard)); err != nil {
		return nil, fmt.Errorf("rules of workspace %s: %w", workspace, err)
	}
	r.mapping, err = compile(r.userType(), m)
	if err != nil { // a schema that it named is gone: the field falls back on its default
		r.mapping, err = mapping{}, nil
	}
	return r, err
}

// stored reads JSON that this service wrote; an empty object is nothing.
func stored(text string, into any) error {
	if text == "" || text == "{}" {
		return nil
	}
	return json.Unmarshal([]byte(text), into)
}

// saveRules writes one column of the workspace's rules.
func (s *Service) saveRules(tx database.Tx, workspace, column string, value any, now time.Time) error {
	if _, plain := value.(bool); !plain {
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		value = string(text)
	}
	err := tx.Exec("INSERT INTO scim_rules (workspace_id, "+column+", updated_at) VALUES (?, ?, ?) ON CONFLICT (workspace_id) DO UPDATE SET "+
		column+" = excluded."+column+", updated_at = excluded.updated_at", workspace, value, now).Error
	return errors.Join(err, s.changedRules(tx))
}

var defaultUsers = scim.Users()

func (r *rules) userType() *scim.ResourceType {
	if r == nil || r.people == nil {
		return defaultUsers
	}
	return r.people.rt
}

// guardPolicy is when mass removals are held.
func (r *rules) guardPolicy() GuardPolicy {
	if r == nil || r.guard == nil {
		return DefaultGuard
	}
	return *r.guard
}

// roleMapping is which teams give which roles; empty for none.
func (r *rules) roleMapping() RoleMapping {
	if r == nil {
		return RoleMapping{}
	}
	return r.roles
}

// For is the directory as a workspace has arranged it: with its own schemas and rules. Where it has arranged nothing it is p itself.
func (p *Provisioning) For(ctx context.Context, workspace string) (*Provisioning, error) {
	r, err := p.s.rulesOf(ctx, workspace)
	if err != nil || r == nil {
		return p, err
	}
	return p.with(r), nil
}

// with is p under the rules. The same rules give the same directory again, so that a door can remember what it made of it.
func (p *Provisioning) with(r *rules) *Provisioning {
	p.views.mu.Lock()
	defer p.views.mu.Unlock()
	if v := p.views.of[r]; v != nil {
		return v
	}
	v := &Provisioning{s: p.s, base: p.base, cursors: p.cursors, people: p.people, teams: p.teams, rules: r, views: p.views, counted: p.counted}
	if r.people != nil {
		v.people, v.teams = r.people, r.teams
	}
	if p.views.of == nil || len(p.views.of) > mostRules {
		p.views.of = map[*rules]*Provisioning{}
	}
	p.views.of[r] = v
	return v
}

// views are the directories under the rules that are remembered.
type views struct {
	mu sync.Mutex
	of map[*rules]*Provisioning
}

// OffersRoles says whether the workspace shows its roles at /Roles.
func (p *Provisioning) OffersRoles() bool { return p.rules != nil && p.rules.offersRoles }
