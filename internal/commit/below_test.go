package commit_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"time"
)

// diary is a writer below that notes what is called, and has no optional
// interface. The types made of it have exactly those that their letters say.
type diary struct {
	rec   *httptest.ResponseRecorder
	notes []string
	src   io.Reader // what ReadFrom got
}

func newDiary() *diary { return &diary{rec: httptest.NewRecorder()} }

var errNoConn = errors.New("no connection here")

func (d *diary) note(what string)            { d.notes = append(d.notes, what) }
func (d *diary) Header() http.Header         { return d.rec.Header() }
func (d *diary) Write(p []byte) (int, error) { d.note("Write"); return d.rec.Write(p) }
func (d *diary) WriteHeader(status int)      { d.note("WriteHeader"); d.rec.WriteHeader(status) }

// belowWith returns d as the type with exactly these abilities, bit by bit:
// controller, flusher, hijacker, pusher, reader from.
func belowWith(d *diary, abilities int) http.ResponseWriter {
	return [...]http.ResponseWriter{
		d,
		belowC{d},
		belowF{d},
		belowCF{belowC{d}},
		belowH{d},
		belowCH{belowC{d}},
		belowFH{belowF{d}},
		belowCFH{belowCF{belowC{d}}},
		belowP{d},
		belowCP{belowC{d}},
		belowFP{belowF{d}},
		belowCFP{belowCF{belowC{d}}},
		belowHP{belowH{d}},
		belowCHP{belowCH{belowC{d}}},
		belowFHP{belowFH{belowF{d}}},
		belowCFHP{belowCFH{belowCF{belowC{d}}}},
		belowR{d},
		belowCR{belowC{d}},
		belowFR{belowF{d}},
		belowCFR{belowCF{belowC{d}}},
		belowHR{belowH{d}},
		belowCHR{belowCH{belowC{d}}},
		belowFHR{belowFH{belowF{d}}},
		belowCFHR{belowCFH{belowCF{belowC{d}}}},
		belowPR{belowP{d}},
		belowCPR{belowCP{belowC{d}}},
		belowFPR{belowFP{belowF{d}}},
		belowCFPR{belowCFP{belowCF{belowC{d}}}},
		belowHPR{belowHP{belowH{d}}},
		belowCHPR{belowCHP{belowCH{belowC{d}}}},
		belowFHPR{belowFHP{belowFH{belowF{d}}}},
		belowCFHPR{belowCFHP{belowCFH{belowCF{belowC{d}}}}},
	}[abilities]
}

type (
	belowC     struct{ *diary }
	belowF     struct{ *diary }
	belowCF    struct{ belowC }
	belowH     struct{ *diary }
	belowCH    struct{ belowC }
	belowFH    struct{ belowF }
	belowCFH   struct{ belowCF }
	belowP     struct{ *diary }
	belowCP    struct{ belowC }
	belowFP    struct{ belowF }
	belowCFP   struct{ belowCF }
	belowHP    struct{ belowH }
	belowCHP   struct{ belowCH }
	belowFHP   struct{ belowFH }
	belowCFHP  struct{ belowCFH }
	belowR     struct{ *diary }
	belowCR    struct{ belowC }
	belowFR    struct{ belowF }
	belowCFR   struct{ belowCF }
	belowHR    struct{ belowH }
	belowCHR   struct{ belowCH }
	belowFHR   struct{ belowFH }
	belowCFHR  struct{ belowCFH }
	belowPR    struct{ belowP }
	belowCPR   struct{ belowCP }
	belowFPR   struct{ belowFP }
	belowCFPR  struct{ belowCFP }
	belowHPR   struct{ belowHP }
	belowCHPR  struct{ belowCHP }
	belowFHPR  struct{ belowFHP }
	belowCFHPR struct{ belowCFHP }
)

func (d belowC) SetReadDeadline(time.Time) error { d.note("SetReadDeadline"); return nil }

func (d belowC) SetWriteDeadline(time.Time) error { d.note("SetWriteDeadline"); return nil }

func (d belowC) EnableFullDuplex() error { d.note("EnableFullDuplex"); return nil }

func (d belowF) Flush()  { d.note("Flush") }
func (d belowCF) Flush() { d.note("Flush") }

func (d belowF) FlushError() error  { d.note("Flush"); return nil }
func (d belowCF) FlushError() error { d.note("Flush"); return nil }

func (d belowH) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	d.note("Hijack")
	return nil, nil, errNoConn
}

func (d belowCH) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	d.note("Hijack")
	return nil, nil, errNoConn
}

func (d belowFH) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	d.note("Hijack")
	return nil, nil, errNoConn
}

func (d belowCFH) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	d.note("Hijack")
	return nil, nil, errNoConn
}

func (d belowP) Push(string, *http.PushOptions) error    { d.note("Push"); return nil }
func (d belowCP) Push(string, *http.PushOptions) error   { d.note("Push"); return nil }
func (d belowFP) Push(string, *http.PushOptions) error   { d.note("Push"); return nil }
func (d belowCFP) Push(string, *http.PushOptions) error  { d.note("Push"); return nil }
func (d belowHP) Push(string, *http.PushOptions) error   { d.note("Push"); return nil }
func (d belowCHP) Push(string, *http.PushOptions) error  { d.note("Push"); return nil }
func (d belowFHP) Push(string, *http.PushOptions) error  { d.note("Push"); return nil }
func (d belowCFHP) Push(string, *http.PushOptions) error { d.note("Push"); return nil }

func (d belowR) ReadFrom(src io.Reader) (int64, error) {
	d.note("ReadFrom")
	d.src = src
	return io.Copy(d.rec, src)
}

func (d belowCR) ReadFrom(src io.Reader) (int64, error) {
	d.note("ReadFrom")
	d.src = src
	return io.Copy(d.rec, src)
}

func (d belowFR) ReadFrom(src io.Reader) (int64, error) {
	d.note("ReadFrom")
	d.src = src
	return io.Copy(d.rec, src)
}

func (d belowCFR) ReadFrom(src io.Reader) (int64, error) {
	d.note("ReadFrom")
	d.src = src
	return io.Copy(d.rec, src)
}

func (d belowHR) ReadFrom(src io.Reader) (int64, error) {
	d.note("ReadFrom")
	d.src = src
	return io.Copy(d.rec, src)
}

func (d belowCHR) ReadFrom(src io.Reader) (int64, error) {
	d.note("ReadFrom")
	d.src = src
	return io.Copy(d.rec, src)
}

func (d belowFHR) ReadFrom(src io.Reader) (int64, error) {
	d.note("ReadFrom")
	d.src = src
	return io.Copy(d.rec, src)
}

func (d belowCFHR) ReadFrom(src io.Reader) (int64, error) {
	d.note("ReadFrom")
	d.src = src
	return io.Copy(d.rec, src)
}

func (d belowPR) ReadFrom(src io.Reader) (int64, error) {
	d.note("ReadFrom")
	d.src = src
	return io.Copy(d.rec, src)
}

func (d belowCPR) ReadFrom(src io.Reader) (int64, error) {
	d.note("ReadFrom")
	d.src = src
	return io.Copy(d.rec, src)
}

func (d belowFPR) ReadFrom(src io.Reader) (int64, error) {
	d.note("ReadFrom")
	d.src = src
	return io.Copy(d.rec, src)
}

func (d belowCFPR) ReadFrom(src io.Reader) (int64, error) {
	d.note("ReadFrom")
	d.src = src
	return io.Copy(d.rec, src)
}

func (d belowHPR) ReadFrom(src io.Reader) (int64, error) {
	d.note("ReadFrom")
	d.src = src
	return io.Copy(d.rec, src)
}

func (d belowCHPR) ReadFrom(src io.Reader) (int64, error) {
	d.note("ReadFrom")
	d.src = src
	return io.Copy(d.rec, src)
}

func (d belowFHPR) ReadFrom(src io.Reader) (int64, error) {
	d.note("ReadFrom")
	d.src = src
	return io.Copy(d.rec, src)
}

func (d belowCFHPR) ReadFrom(src io.Reader) (int64, error) {
	d.note("ReadFrom")
	d.src = src
	return io.Copy(d.rec, src)
}

// The rest has part of an ability, or hides what it has behind Unwrap.

type (
	onlyReadDeadline  struct{ *diary }
	onlyWriteDeadline struct{ *diary }
	onlyFullDuplex    struct{ *diary }
	onlyFlush         struct{ *diary }
	onlyFlushError    struct{ *diary }
	onlyUnwrap        struct{ http.ResponseWriter }
)

func (d onlyReadDeadline) SetReadDeadline(time.Time) error { d.note("SetReadDeadline"); return nil }

func (d onlyWriteDeadline) SetWriteDeadline(time.Time) error { d.note("SetWriteDeadline"); return nil }

func (d onlyFullDuplex) EnableFullDuplex() error { d.note("EnableFullDuplex"); return nil }
func (d onlyFlush) Flush()                       { d.note("Flush") }
func (d onlyFlushError) FlushError() error       { d.note("Flush"); return nil }
func (w onlyUnwrap) Unwrap() http.ResponseWriter { return w.ResponseWriter }
