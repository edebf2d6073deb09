package confirm

import (
	"context"

	"github.com/countersign/countersign/internal/device"
)

// Tapped is one plain approval for Together.
type Tapped struct {
	Req    device.Signed
	ID     string
	Answer Answer
}

// Together decides taps in one batch, for a test outside of the package.
func (s *Service) Together(ctx context.Context, taps []Tapped) ([]bool, error) {
	all := make([]tap, len(taps))
	for i, t := range taps {
		ch, err := s.asked(ctx, t.Req.Actor, t.ID)
		if err != nil {
			return nil, err
		}
		all[i] = tap{t.Req, t.ID, ch, t.Answer}
	}
	return s.approveTogether(ctx, all)
}
