package directory

import (
	"errors"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/scim"
)

// Known is what an identity provider knows a person by when they sign in.
type Known string

// The properties that a sign-in may be compared with. The e-mail address is not among them.
const (
	ByUserName   Known = "user_name"
	ByExternalID Known = "external_id"
)

// KnownAs finds the person whom an identity provider knows by value. gone says that there was one who has been deleted and is not forgotten
// yet: whoever was taken out does not come back by signing in.
func KnownAs(db *gorm.DB, workspace string, by Known, value string) (p Person, gone bool, err error) {
	column := "user_name_key"
	if by == ByExternalID {
		column = "external_id"
	} else {
		value = Key(value)
	}
	if value == "" || !scim.Storable(value) {
		return Person{}, false, fault.ErrNotFound
	}
	var rows []personRow // an externalId need not be unique; then it names nobody
	live := db.Where("workspace_id = ? AND "+column+" = ? AND deleted_at IS NULL", workspace, value)
	if err := live.Limit(2).Find(&rows).Error; err != nil {
		return Person{}, false, err
	}
	if len(rows) == 1 {
		return rows[0].person(), false, nil
	}
	if len(rows) == 0 {
		deleted := db.Where("workspace_id = ? AND "+column+" = ? AND deleted_at IS NOT NULL", workspace, value)
		if err := deleted.Limit(1).Find(&rows).Error; err != nil {
			return Person{}, false, err
		}
	}
	return Person{}, len(rows) == 1, fault.ErrNotFound
}

// Newcomer makes a local person with the role User for somebody whom their organization's identity provider vouches for and nobody has added.
func Newcomer(tx database.Tx, by actor.Actor, name, email string) (Person, error) {
	p, err := add(tx, by, name, email, User)
	if errors.Is(err, ErrEmailTaken) {
		return Person{}, fault.ErrNotFound // the address is another person's: signing in does not make anybody that person
	}
	return p, err
}
