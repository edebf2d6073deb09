package workspace

import (
	"context"
	"errors"
	"regexp"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/ident"
)

// ours finds a token of this service in whatever was sent around it: quotes, another scheme, a second "Bearer".
var ours = regexp.MustCompile(`cs_scim_[0-9A-Za-z]{49}`)

// Recognise says which token of ours an Authorization header carries that was refused: an ended one, or a live one in a wrong form. Nothing of
// the header is kept. The clock's reading comes with it, to say what the token is now with Token.At.
func (s *Service) Recognise(ctx context.Context, header string) (t Token, found bool, err error) {
	raw := ours.FindString(header)
	if raw == "" || !wellFormed(raw) {
		return Token{}, false, nil
	}
	var r tokenRow
	err = s.db.Read(ctx).Omit("sealed").Where("digest = ?", ident.Hash(raw)).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Token{}, false, nil
	}
	return r.token(), err == nil, err
}
