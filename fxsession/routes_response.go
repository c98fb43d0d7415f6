package fxsession

import "net/http"

// Response is what a post-processor sees of the response that is about to be
// sent.
type Response struct {
	status int
	header http.Header
}

// Status is the status that is about to be sent: 200 if the handler has set
// none, or has taken over the connection.
func (r Response) Status() int { return r.status }

// Header returns the headers that are about to be sent, and can be changed. The
// session's cookie is not among them yet.
func (r Response) Header() http.Header { return r.header }

// headerWriter is the http.ResponseWriter of a post-processor.
type headerWriter struct{ header http.Header }

func (w *headerWriter) Header() http.Header     { return w.header }
func (*headerWriter) Write([]byte) (int, error) { return 0, ErrPostProcessorWrites }
func (*headerWriter) WriteHeader(int)           {}
