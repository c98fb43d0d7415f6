package commit

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
)

// view is the http.ResponseWriter that a handler sees. Its exported methods
// are those that every handler sees; table.go adds the others where the
// writer below has them.
type view struct {
	writer *Writer
	deep   bool // whether this is what Unwrap returned
}

// Header returns the header of the writer below. When the response is refused
// or closed, it returns one that goes nowhere.
func (v *view) Header() http.Header {
	if !v.writer.enter() {
		return http.Header{}
	}
	defer v.writer.leave()
	if v.writer.refusing() {
		return http.Header{}
	}
	return v.writer.below.Header()
}

// WriteHeader commits and sets the status. An informational status commits
// nothing: it is sent on if the commit is still to come, and dropped if not,
// because it would carry the headers that belong to the final response. An
// invalid status panics as in net/http, and commits nothing.
func (v *view) WriteHeader(status int) {
	if !v.writer.enter() {
		return
	}
	defer v.writer.leave()
	if v.writer.refusing() { // as in begin
		return
	}
	informational := 100 <= status && status <= 199 && status != http.StatusSwitchingProtocols
	if !v.writer.Started() {
		if status < 100 || status > 999 {
			panic(fmt.Sprintf("invalid WriteHeader code %v", status))
		}
		if informational {
			v.writer.below.WriteHeader(status)
			return
		}
	}
	if v.writer.commit(status) == nil && !informational {
		v.writer.begun.Store(true)
		v.writer.below.WriteHeader(status)
	}
}

// Write commits and writes.
func (v *view) Write(p []byte) (int, error) {
	if err := v.writer.begin(); err != nil {
		return 0, err
	}
	defer v.writer.leave()
	return v.writer.below.Write(p)
}

// WriteString commits and writes.
func (v *view) WriteString(s string) (int, error) {
	if err := v.writer.begin(); err != nil {
		return 0, err
	}
	defer v.writer.leave()
	return io.WriteString(v.writer.below, s)
}

// CloseNotify returns the channel of the writer below, or one that never fires
// where that has none, so that it can always be there: gin asserts it without
// asking.
func (v *view) CloseNotify() <-chan bool {
	if !v.writer.enter() {
		return nil
	}
	defer v.writer.leave()
	//lint:ignore SA1019 deprecated, and still called by routers
	if below, ok := v.writer.below.(http.CloseNotifier); ok {
		return below.CloseNotify()
	}
	return nil
}

// Unwrap returns a guard in place of the writer below: a view that has what can
// be reached from there by unwrapping, for whoever looks further than
// the first writer, as an [http.ResponseController] does. The guard of a guard
// has nothing and ends the search.
func (v *view) Unwrap() http.ResponseWriter {
	if v.deep {
		return struct{ http.ResponseWriter }{v}
	}
	return (&view{writer: v.writer, deep: true}).expose()
}

func (v *view) flush() error {
	if err := v.writer.begin(); err != nil {
		return err
	}
	defer v.writer.leave()
	return http.NewResponseController(v.writer.below).Flush()
}

func (v *view) hijack() (net.Conn, *bufio.ReadWriter, error) {
	if err := v.writer.begin(); err != nil {
		return nil, nil, err
	}
	defer v.writer.leave()
	return http.NewResponseController(v.writer.below).Hijack()
}

// readFrom hands over src as it is, so that the writer below recognises a file
// that the kernel can send by itself.
func (v *view) readFrom(src io.Reader) (int64, error) {
	if err := v.writer.begin(); err != nil {
		return 0, err
	}
	defer v.writer.leave()
	to, _ := find[io.ReaderFrom](v.writer.below)
	return to.ReadFrom(src)
}

// push sends no header of this response, and so commits nothing.
func (v *view) push(target string, opts *http.PushOptions) error {
	if !v.writer.enter() {
		return ErrClosed
	}
	defer v.writer.leave()
	to, _ := find[http.Pusher](v.writer.below)
	return to.Push(target, opts)
}

// control adjusts the connection, and so commits nothing.
func (v *view) control(adjust func(*http.ResponseController) error) error {
	if !v.writer.enter() {
		return ErrClosed
	}
	defer v.writer.leave()
	return adjust(http.NewResponseController(v.writer.below))
}
