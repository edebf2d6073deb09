package assembly

import "context"

// TellSilence is tellSilence for tests.
func TellSilence(ctx context.Context, m *Domains) error { return m.tellSilence(ctx) }
