package main

import "github.com/fxsession/sessions/internal/testserver"

// roundTrips is how many times one request of a scenario goes to Redis and
// back, counted on the wire.
func roundTrips(l library, sc scenario, proxy *testserver.Proxy) (trips float64, err error) {
	err = visit(l, proxy.Addr(), 1, func(s *site, cookies []string) error {
		c := callerFor(s, sc, cookies[0])
		for range 100 { // connections are made, scripts are known
			if err := c.once(); err != nil {
				return err
			}
		}
		// The same for each request; the median, as a client may watch its
		// connection with a PING meanwhile.
		var each []float64
		for range 25 {
			before := proxy.RoundTrips()
			if err := c.once(); err != nil {
				return err
			}
			each = append(each, float64(proxy.RoundTrips()-before))
		}
		trips = median(each)
		return nil
	})
	return trips, err
}
