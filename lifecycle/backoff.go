package lifecycle

import (
	"math/rand/v2"
	"time"
)

// doubled gives d, twice as long for each failure in a row, and at most limit.
func doubled(d time.Duration, failures int, limit time.Duration) time.Duration {
	for range failures {
		if d >= limit/2 {
			return limit
		}
		d *= 2
	}
	return d
}

// jittered gives d, up to a tenth shorter or longer, so that instances that
// were started together do not stay together.
func jittered(d time.Duration) time.Duration {
	const longest = 1<<63 - 1
	d = min(d, longest/10*9)
	return d - d/10 + rand.N(d/5+1)
}
