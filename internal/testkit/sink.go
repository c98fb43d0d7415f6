package testkit

import "net/http"

// Sink is a ResponseWriter that costs nothing. It keeps its header and no more.
type Sink http.Header

// Header implements [http.ResponseWriter].
func (s Sink) Header() http.Header { return http.Header(s) }

// Write implements [http.ResponseWriter].
func (Sink) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader implements [http.ResponseWriter].
func (Sink) WriteHeader(int) {}
