package session

// CycleID renews the ID and keeps both states; the old ID is dead afterwards.
// Several calls in one request count as one, and a session without a record has
// no ID to renew. Errors are ErrInvalidated, ErrResponseStarted and, once the
// response has started, ErrEnded of package store where another request has ended
// the session.
func (s *Session) CycleID() error {
	return s.write(true, func() error {
		if s.record && s.fate != end && !s.cycling {
			s.fate, s.cycling = renew, true
			s.changed()
		}
		return nil
	})
}

// Delete removes the record, subject and all, and keeps the session with its
// client state; a later write begins a record under a fresh ID. The errors are
// those of CycleID.
func (s *Session) Delete() error {
	return s.write(true, func() error {
		s.dropRecord()
		return nil
	})
}

// dropRecord empties the server side; the next save deletes the record.
func (s *Session) dropRecord() {
	if s.record {
		s.fate = end
	}
	s.server.begin()
	if s.record && s.baseSubject != "" {
		s.wasSubject = s.baseSubject
	}
	s.takeBackSignIn()
	s.updates, s.baseSubject, s.visit = nil, "", nil
	s.changed()
}

// Invalidate ends the session: the record is deleted, with both states, and the
// client is told to remove its cookie, even one that does not open here. If
// another request has ended or renewed the session within the last minute, the
// client is not told: its cookie may be a newer one by now. Reads are empty from then on, and
// writes return ErrInvalidated. After the response has started the record is still
// deleted; the cookie that stays with the client then opens nothing. When
// another request has renewed the session under this one, the save returns
// ErrEnded of package store: the renewed session is still there.
func (s *Session) Invalidate() error {
	if err := s.lock(); err != nil {
		return err
	}
	defer s.unlock()
	s.drop()
	s.invalidated = true
	return nil
}

// Reset ends the session, as Invalidate does, and continues with a fresh one,
// which begins when something is written. The error is ErrResponseStarted.
func (s *Session) Reset() error {
	if err := s.lock(); err != nil {
		return err
	}
	defer s.unlock()
	if s.started {
		return ErrResponseStarted
	}
	told := s.told // and Reset is the answer
	s.drop()
	s.invalidated, s.told = false, told
	return nil
}

// drop empties both sides; the session is over.
func (s *Session) drop() {
	s.dropRecord()
	s.client.begin()
	s.begun = false
	s.terms = terms{}
	s.held.valid = false // what goes on needs a cookie of its own
	s.held.present = s.held.present || s.held.rejected
	s.endWatches()
}

// IsInvalidated reports whether Invalidate or SignOut was called, and Reset
// not since.
func (s *Session) IsInvalidated() bool {
	if !s.installed() {
		return false
	}
	s.mu.Lock()
	defer s.unlock()
	return s.touched != nil && s.invalidated
}
