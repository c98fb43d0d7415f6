package session

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"github.com/fxsession/sessions/store"
)

// turnKey is the state key under which the record of a turn says whose it is.
const turnKey = "turn"

// inTurn runs do while no other sign-in of the subject is under way, on any
// instance: a record that only one can create says whose turn it is. It
// outlives whoever cannot remove it by as much as do may take. When the turn
// does not come in time, the error is ErrConflict of package store.
func (m *Manager) inTurn(ctx context.Context, subject string, do func(context.Context) error) error {
	sum := sha256.Sum256([]byte("turn of " + subject))
	key := store.Key(sum[:len(store.Key{})])
	ctx, cancel := context.WithTimeoutCause(ctx, 2*m.saveTimeout, errNoTurn)
	defer cancel()
	if err := m.takeTurn(ctx, key); err != nil {
		if errors.Is(context.Cause(ctx), errNoTurn) {
			err = errNoTurn
		}
		return &untried{err}
	}
	defer m.giveTurn(ctx, key)
	return do(ctx)
}

func (m *Manager) takeTurn(ctx context.Context, key store.Key) error {
	mine, _ := json.Marshal(rand.Uint64()) // a number, which JSON never refuses
	turn := store.Record{
		State:     map[string]json.RawMessage{turnKey: mine},
		CreatedAt: m.clock(),
		TTL:       3 * m.saveTimeout,
	}
	for started := time.Now(); ; {
		err := m.store.Create(ctx, key, turn)
		switch {
		case err == nil:
			return nil
		case inDoubt(err):
			return m.resolveTurn(ctx, key, mine, err)
		case !errors.Is(err, store.ErrDuplicateKey):
			return err
		case time.Since(started) >= m.saveTimeout:
			return errNoTurn
		}
		pause := time.NewTimer(time.Millisecond + rand.N(10*time.Millisecond))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
}

// resolveTurn finds out whether a turn whose answer was lost was taken.
func (m *Manager) resolveTurn(ctx context.Context, key store.Key, mine json.RawMessage, cause error) error {
	patient, cancel := m.without(ctx)
	defer cancel()
	rec, err := m.store.Load(patient, key)
	if err != nil || string(rec.State[turnKey]) != string(mine) {
		return cause
	}
	if ctx.Err() != nil { // nobody waits for it
		m.giveTurn(ctx, key)
		return cause
	}
	return nil
}

func (m *Manager) giveTurn(ctx context.Context, key store.Key) {
	ctx, cancel := m.without(ctx)
	defer cancel()
	if err := m.store.Delete(ctx, key); err != nil && !gone(err) {
		m.logger.Warn("session: a subject's turn to sign in could not be given back, and ends by itself", zap.Error(err))
	}
}
