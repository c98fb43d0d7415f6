package store

// Watched is how many calls are waited for.
func Watched(s *SessionStore) (n int) {
	s.deadlines.mu.Lock()
	defer s.deadlines.mu.Unlock()
	for b := s.deadlines.first; b != nil; b = b.after {
		n++
	}
	return n
}
