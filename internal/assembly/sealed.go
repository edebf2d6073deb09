package assembly

import (
	"context"
	"fmt"

	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/reseal"
	"github.com/countersign/countersign/internal/serverkeys"
	"github.com/countersign/countersign/internal/sso"
	"github.com/countersign/countersign/internal/vault"
	"github.com/countersign/countersign/internal/webhook"
	"github.com/countersign/countersign/internal/workspace"
)

// Sealed is every place in the database where something lies sealed; a test compares it with the schema.
var Sealed = []vault.Place{workspace.Sealed, serverkeys.Sealed, confirm.Sealed, provisioning.Sealed, sso.Sealed, sso.SealedKeys, sso.SealedHints, webhook.Sealed, webhook.SealedOld}

// Reseal brings everything that is sealed under the key that seals now, and says for each place how many values that were.
func (m *Domains) Reseal(ctx context.Context) (map[string]int, error) {
	out := map[string]int{}
	for _, p := range Sealed {
		done, unopened, err := reseal.Run(ctx, m.DB, m.vault, p)
		if out[p.Name] = done; err == nil && unopened > 0 {
			err = fmt.Errorf("%d values cannot be opened with this keyset", unopened)
		}
		if err != nil {
			return out, fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	return out, nil
}

// reseal is Reseal as housekeeping: after a rotation of the keyset the service does it by itself, a minute later at most. It looks once for
// each key that seals; where a keyset has one key alone there is nothing to look for.
func (m *Domains) reseal(ctx context.Context) error {
	keyset := m.vault.Info()
	if len(keyset.Keys) == 1 || keyset.Primary == m.resealed {
		return nil
	}
	done, err := m.Reseal(ctx)
	for place, n := range done {
		if n > 0 {
			m.log.Info("sealed anew under the keyset's newest key", "place", place, "values", n)
		}
	}
	if err == nil {
		m.resealed = keyset.Primary
	}
	return err
}

// SealedWith counts, for each place, what is sealed with each key of the keyset.
func (m *Domains) SealedWith(ctx context.Context) (map[string]map[uint32]int64, error) {
	out := map[string]map[uint32]int64{}
	for _, p := range Sealed {
		n, err := reseal.Count(m.DB.Read(ctx), p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		out[p.Name] = n
	}
	return out, nil
}
