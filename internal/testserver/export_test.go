//go:build unix

package testserver

// ClaimPort does what another test binary does that wants the port of s.
func (s *RedisServer) ClaimPort() error {
	var others claims
	defer others.release()
	return others.claim(s.port)
}
