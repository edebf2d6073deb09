package audit

import (
	"context"
	"time"
)

// LastSeal is when events were last sealed, in any workspace; nil where none ever were.
func (c *Chains) LastSeal(ctx context.Context) (*time.Time, error) {
	var at []time.Time
	err := c.DB.Read(ctx).Model(&Seal{}).Order("sealed_at DESC").Limit(1).Pluck("sealed_at", &at).Error
	if err != nil || len(at) == 0 {
		return nil, err
	}
	last := at[0].UTC()
	return &last, nil
}
