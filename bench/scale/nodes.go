// Package scale says how many machines very many sessions need. Nodes counts,
// from what was measured of one session and one request and from what is
// assumed of the people; Simulate plays two weeks of requests, to see how many of
// them extend a TTL, find their session in a near cache, or leave an expired
// record behind. It measures nothing and reaches out to nothing.
package scale

import "math"

// Measured is what the benchmark found of sessions of five keys, whose people are
// signed in.
type Measured struct {
	Single, Cluster Costs
}

// Costs are those of a single Redis, or of all masters of a cluster together.
type Costs struct {
	Bytes float64 // of a session, with its part of the indexes
	// In microseconds of the processors, of one call.
	Read, Write, Login float64
}

// Assumed is what is taken for granted of people and of machines.
type Assumed struct {
	ActivePerDay        float64 // share of all sessions that are used in a day
	RequestsPerDay      float64 // that touch one of those in a day
	PeakToMean          float64 // requests a second in the busiest hour over those of the mean
	WriteShare          float64 // of the requests
	UpkeepShare         float64 // further writes: of requests that only read, a request
	LoginShare          float64 // of the requests: those that begin a session
	NearCacheHits       float64 // share of reads that do not reach Redis
	NodeBytes           float64 // memory of a node that sessions may fill
	BusyShare           float64 // of a node's one processor, at the peak
	RequestsPerInstance float64 // a second, that one instance of the application serves
}

// Need is what a number of sessions comes to.
type Need struct {
	Sessions       float64
	Bytes          float64 // of Redis's memory
	PeakRequests   float64 // a second
	Instances      int     // of the application
	PeakCalls      float64 // of the store, a second, that reach Redis
	NodesForMemory int
	NodesForCalls  int
	Nodes          int // the larger of the two, and three at least where it is not one; replicas come on top
}

// leastCluster is how many masters a Redis Cluster has at least.
const leastCluster = 3

// Nodes counts: with the costs of a single Redis, and with those of a cluster where
// one node is not enough.
func Nodes(sessions float64, m Measured, a Assumed) Need {
	const day = 24 * 60 * 60
	n := Need{Sessions: sessions}
	n.PeakRequests = sessions * a.ActivePerDay * a.RequestsPerDay / day * a.PeakToMean
	n.Instances = atLeastOne(n.PeakRequests / a.RequestsPerInstance)
	logins := n.PeakRequests * a.LoginShare
	reads := (n.PeakRequests - logins) * (1 - a.WriteShare) * (1 - a.NearCacheHits)
	writes := (n.PeakRequests-logins)*a.WriteShare + n.PeakRequests*a.UpkeepShare
	n.PeakCalls = reads + writes + logins
	count := func(c Costs) {
		n.Bytes = sessions * c.Bytes
		n.NodesForMemory = atLeastOne(n.Bytes / a.NodeBytes)
		n.NodesForCalls = atLeastOne((reads*c.Read + writes*c.Write + logins*c.Login) / 1e6 / a.BusyShare)
		n.Nodes = max(n.NodesForMemory, n.NodesForCalls)
	}
	if count(m.Single); n.Nodes > 1 {
		count(m.Cluster)
		n.Nodes = max(n.Nodes, leastCluster)
	}
	return n
}

func atLeastOne(nodes float64) int { return max(1, int(math.Ceil(nodes))) }
