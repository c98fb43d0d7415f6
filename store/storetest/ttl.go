package storetest

import (
	"time"

	"github.com/fxsession/sessions/store"
)

// ttlChecks: C4, how long a record lives.
func ttlChecks() []check {
	return []check{
		{"C4 a record lives as long as it was told to, to the millisecond", func(e *env) {
			const tenYears = 10 * 365 * 24 * hour
			for i, ttl := range []time.Duration{30900 * time.Millisecond, 31999 * time.Millisecond, hour + time.Millisecond, tenYears} {
				rec := record()
				rec.TTL = ttl
				since := time.Now()
				e.create(newKey(i), rec)
				e.lives(newKey(i), ttl, since)
			}
		}},
		{"C4 a record may live for centuries, whoever is signed in", func(e *env) {
			const longest = (1<<63 - 1) / time.Millisecond * time.Millisecond // 292 years
			for i, ttl := range []time.Duration{longest / 2, longest} {
				rec := record()
				rec.TTL, rec.Subject = ttl-hour, "ada"
				since := time.Now()
				e.create(newKey(i), rec)
				e.ok(e.store.UpdateTTL(e.Context(), newKey(i), ttl), "update of the TTL")
				e.lives(newKey(i), ttl, since)
			}
		}},
		{"C4 one millisecond works, and a nanosecond is one", func(e *env) {
			for i, ttl := range []time.Duration{time.Millisecond, time.Nanosecond} {
				rec := record("a", `1`)
				rec.TTL = ttl
				e.create(newKey(i), rec)
				e.create(newKey(10+i), record("a", `1`))
				e.ok(e.store.UpdateTTL(e.Context(), newKey(10+i), ttl), "update of the TTL")
				e.create(newKey(20+i), record("a", `1`))
				e.ok(e.store.ChangeKey(e.Context(), newKey(20+i), newKey(30+i), store.Change{TTL: ttl}), "change key")
			}
			e.advance(2 * time.Millisecond)
			for i := range 2 {
				e.gone(newKey(i), store.ErrNotFound)
				e.gone(newKey(10+i), store.ErrNotFound)
				e.gone(newKey(30+i), store.ErrNotFound)
			}
		}},
		{"C4 an expired record is invisible before any sweep", func(e *env) {
			rec := record("a", `1`)
			rec.TTL = 30 * time.Minute
			since := time.Now()
			e.create(newKey(1), rec)
			e.advance(29 * time.Minute)
			e.lives(newKey(1), time.Minute, since)
			e.advance(time.Minute)
			e.gone(newKey(1), store.ErrNotFound)
		}},
		{"C4 a change keeps what is left of the TTL, unless it brings one", func(e *env) {
			since := time.Now()
			e.create(newKey(1), record())
			e.advance(20 * time.Minute)
			e.ok(e.store.Update(e.Context(), newKey(1), store.Change{Set: state("a", `1`)}), "update")
			e.lives(newKey(1), 40*time.Minute, since)
			since = time.Now()
			e.ok(e.store.Update(e.Context(), newKey(1), store.Change{Set: state("a", `2`), TTL: 3 * hour}), "update with a longer TTL")
			e.lives(newKey(1), 3*hour, since)
			since = time.Now()
			e.ok(e.store.UpdateTTL(e.Context(), newKey(1), time.Minute), "update with a shorter TTL")
			e.lives(newKey(1), time.Minute, since)
			e.advance(2 * time.Minute)
			e.gone(newKey(1), store.ErrNotFound)
		}},
		{"C4 an extended record outlives its first TTL", func(e *env) {
			e.create(newKey(1), record("a", `1`))
			e.ok(e.store.UpdateTTL(e.Context(), newKey(1), 3*hour), "update of the TTL")
			e.advance(2 * hour)
			_, err := e.other.DeleteExpired(e.Context(), 0)
			e.ok(err, "delete expired")
			want := first(record("a", `1`))
			want.Version = 2
			e.holds(newKey(1), want)
		}},
		{"C4 an operation without a TTL does not make a record immortal", func(e *env) {
			e.create(newKey(1), record("a", `1`))
			e.ok(e.store.Update(e.Context(), newKey(1), store.Change{Clear: true}), "update")
			e.create(newKey(2), record("a", `1`))
			e.ok(e.store.ChangeKey(e.Context(), newKey(2), newKey(3), store.Change{Remove: []string{"a"}}), "change key")
			e.advance(hour)
			e.gone(newKey(1), store.ErrNotFound)
			e.gone(newKey(3), store.ErrNotFound)
		}},
	}
}
