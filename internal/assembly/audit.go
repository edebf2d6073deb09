package assembly

import (
	"context"
	"log/slog"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/serverkeys"
	"github.com/countersign/countersign/internal/signing"
	"github.com/countersign/countersign/internal/vault"
)

// chains is the audit with the server's own keys to sign with.
func chains(d Deps, keys *serverkeys.Keys) *audit.Chains {
	return audit.NewChains(audit.Deps{DB: d.DB, Log: d.Log,
		Current: func(ctx context.Context) (audit.Key, error) {
			k, err := keys.Current(ctx, serverkeys.Audit)
			return audit.Key{Kid: k.ID, Sign: func(message []byte) ([]byte, error) { return signing.Sign(k.Private, message) }}, err
		},
		Public: func(db *gorm.DB) ([]audit.PublicKey, error) {
			all, err := serverkeys.Publics(db, serverkeys.Audit)
			out := make([]audit.PublicKey, len(all))
			for i, k := range all {
				out[i] = audit.PublicKey(k)
			}
			return out, err
		}})
}

// Chains is the audit alone, for a command that needs nothing else of the service.
func Chains(db *database.DB, v *vault.Vault, log *slog.Logger, now func() time.Time) *audit.Chains {
	return chains(Deps{DB: db, Log: log}, serverkeys.New(db, v, now))
}
