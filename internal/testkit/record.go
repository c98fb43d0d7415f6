package testkit

import (
	"encoding/json"
	"time"

	"github.com/fxsession/sessions/store"
)

// Record gives a record that lives for an hour; pairs are as State has them.
func Record(pairs ...string) store.Record {
	return store.Record{CreatedAt: time.UnixMilli(1_700_000_000_123), TTL: time.Hour, State: State(pairs...)}
}

// State gives the state of pairs, state keys and their JSON texts in turn.
func State(pairs ...string) map[string]json.RawMessage {
	m := make(map[string]json.RawMessage, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = json.RawMessage(pairs[i+1])
	}
	return m
}
