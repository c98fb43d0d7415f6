package session

// RawID gives the bytes of an ID to the tests that look for them where they
// must not be.
func RawID(id ID) [16]byte { return id.raw() }

// AppendPlain and ReadPlain are for the test that holds them against encoding/json.
var (
	AppendPlain = appendPlain
	ReadPlain   = readPlain
)

// OpenPayload opens a cookie with a payload of the test's own making, as a
// client could never present it: whatever the payload, nothing may break.
func OpenPayload(m *Manager, payload []byte) (Incoming, bool) {
	in, verdict := m.openCookie(string(m.sealer.Append(nil, payload)))
	return Incoming{&holder{&in}}, verdict == cookieLive
}

// Watching is how many watches a session keeps.
func Watching(s *Session) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.watching)
}

// Watched is how many watches a Manager keeps, and under how many keys.
func Watched(m *Manager) (watches, keys int) {
	m.watches.mu.Lock()
	defer m.watches.mu.Unlock()
	for _, all := range m.watches.byKey {
		watches += len(all)
	}
	return watches, len(m.watches.byKey)
}
