package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/ident"
)

// What takes a service hours or days, and what nobody wants to wait for.

// running is the service that runs now.
func (s *story) running() (*assembly.Domains, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == nil || s.domains == nil {
		return nil, errors.New("the service does not run")
	}
	return s.domains, nil
}

// awakeEvery is how often a service that is awake has to say so, at least.
const awakeEvery = 2 * time.Minute

// pass moves the clock as time does for a service that is awake: it writes that down on the way, as it does by itself each minute.
func (s *story) pass(ctx context.Context, d time.Duration) error {
	m, err := s.running()
	if err == nil {
		err = m.SyncLog.Awake(ctx)
	}
	for err == nil && d > 0 {
		step := min(d, awakeEvery)
		s.clock.Add(int64(step))
		d -= step
		err = m.SyncLog.Awake(ctx)
	}
	return err
}

// housekeep does at once what the service does within a minute: it tells of tokens that end and of a provider that fell silent, and forgets
// who was deleted long ago.
func (s *story) housekeep(ctx context.Context) error {
	m, err := s.running()
	if err != nil {
		return err
	}
	return errors.Join(m.Workspaces.Warn(ctx), m.TellSilence(ctx), m.Directory.Forget(ctx))
}

// setting starts the service again with another value of a setting; "" takes it away.
func (s *story) setting(name, value string) error {
	if err := s.stop(); err != nil {
		return err
	}
	if value == "" {
		delete(s.env, name)
	} else {
		s.env[name] = value
	}
	return s.start()
}

// spareDevices gives somebody who has one phone as many more, as if they had been paired over the years.
func (s *story) spareDevices(ctx context.Context, email string, n int) error {
	m, err := s.running()
	if err != nil {
		return err
	}
	return m.DB.InTx(ctx, func(tx database.Tx) error {
		for i := range n {
			res := tx.Exec(`INSERT INTO devices (id, workspace_id, person_id, name, platform, os, app, uv_key, poll_key, key_protection, state, created_at, activated_at, server_kid, vapid_kid)
				SELECT ?, d.workspace_id, d.person_id, ?, d.platform, d.os, d.app, d.uv_key, d.poll_key, d.key_protection, d.state, d.created_at, d.activated_at, d.server_kid, d.vapid_kid
				FROM devices d JOIN people p ON p.id = d.person_id WHERE p.email = ? AND d.state = 'active' ORDER BY d.id LIMIT 1`, ident.New("dev"), fmt.Sprintf("Old phone %d", i+1), email)
			if res.Error != nil || res.RowsAffected != 1 {
				return errors.Join(errors.New("no phone to copy"), res.Error)
			}
		}
		return nil
	})
}
