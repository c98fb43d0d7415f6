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
	in, verdict := m.openCookie(m.sealer.Seal(payload))
	return Incoming{&holder{&in}}, verdict == cookieLive
}
