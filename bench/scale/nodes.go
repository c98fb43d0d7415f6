// Package scale says how many machines very many sessions need. Nodes counts,
// from what was measured of one session and one request and from what is
// assumed of the people; Simulate plays a week of requests, to see how many of
// them extend a TTL, find their session in a near cache, or leave an expired
// record behind. It measures nothing and reaches out to nothing.
package scale

import "math"

// Measured is what the benchmark found.
type Measured struct {
	BytesPerSession float64 // in Redis, for a session of five keys
	ReadMicros      float64 // of Redis's processor, for one load
	WriteMicros     float64 // for one change
}

// Assumed is what is taken for granted of people and of machines.
type Assumed struct {
	ActivePerDay     float64 // share of all sessions that are used in a day
	RequestsPerVisit float64 // of one active session in a day
	PeakToMean       float64 // requests a second in the busiest hour over those of the mean
	WriteShare       float64 // of the requests that touch their session
	ExtensionShare   float64 // further writes: the extensions of a TTL, a request
	NearCacheHits    float64 // share of reads that do not reach Redis
	NodeBytes        float64 // memory of a node that sessions may fill
	BusyShare        float64 // of a node's one processor, at the peak
}

// Need is what a number of sessions comes to.
type Need struct {
	Sessions         float64
	Bytes            float64 // of Redis's memory
	PeakRequests     float64 // a second
	PeakCommands     float64 // a second that reach Redis
	NodesForMemory   int
	NodesForCommands int
	Nodes            int // the larger of the two; replicas come on top
}

// Nodes counts.
func Nodes(sessions float64, m Measured, a Assumed) Need {
	const day = 24 * 60 * 60
	n := Need{Sessions: sessions, Bytes: sessions * m.BytesPerSession}
	n.PeakRequests = sessions * a.ActivePerDay * a.RequestsPerVisit / day * a.PeakToMean
	reads := n.PeakRequests * (1 - a.WriteShare) * (1 - a.NearCacheHits)
	writes := n.PeakRequests * (a.WriteShare + a.ExtensionShare)
	n.PeakCommands = reads + writes
	n.NodesForMemory = atLeastOne(n.Bytes / a.NodeBytes)
	n.NodesForCommands = atLeastOne((reads*m.ReadMicros + writes*m.WriteMicros) / 1e6 / a.BusyShare)
	n.Nodes = max(n.NodesForMemory, n.NodesForCommands)
	return n
}

func atLeastOne(nodes float64) int { return max(1, int(math.Ceil(nodes))) }
