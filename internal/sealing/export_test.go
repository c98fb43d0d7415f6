package sealing

// Seal is Append for a text of its own.
func (s *Sealer) Seal(payload []byte) string { return string(s.Append(nil, payload)) }
