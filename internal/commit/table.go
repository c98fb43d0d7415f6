package commit

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

// What an http.ResponseWriter can do is asked by type assertion, so that each
// set of abilities needs a type of its own: 31 of them and view, for none. Each
// type is its parent and one ability more. All hold nothing but the pointer to
// the view, which makes them free: an interface value needs no allocation for
// them.
type (
	viewC     struct{ *view }
	viewF     struct{ *view }
	viewCF    struct{ viewC }
	viewH     struct{ *view }
	viewCH    struct{ viewC }
	viewFH    struct{ viewF }
	viewCFH   struct{ viewCF }
	viewP     struct{ *view }
	viewCP    struct{ viewC }
	viewFP    struct{ viewF }
	viewCFP   struct{ viewCF }
	viewHP    struct{ viewH }
	viewCHP   struct{ viewCH }
	viewFHP   struct{ viewFH }
	viewCFHP  struct{ viewCFH }
	viewR     struct{ *view }
	viewCR    struct{ viewC }
	viewFR    struct{ viewF }
	viewCFR   struct{ viewCF }
	viewHR    struct{ viewH }
	viewCHR   struct{ viewCH }
	viewFHR   struct{ viewFH }
	viewCFHR  struct{ viewCFH }
	viewPR    struct{ viewP }
	viewCPR   struct{ viewCP }
	viewFPR   struct{ viewFP }
	viewCFPR  struct{ viewCFP }
	viewHPR   struct{ viewHP }
	viewCHPR  struct{ viewCHP }
	viewFHPR  struct{ viewFHP }
	viewCFHPR struct{ viewCFHP }
)

// with returns v as the type that has exactly these abilities.
func (v *view) with(abilities int) http.ResponseWriter {
	c := viewC{v}
	f, cf := viewF{v}, viewCF{c}
	h, ch, fh, cfh := viewH{v}, viewCH{c}, viewFH{f}, viewCFH{cf}
	p, cp, fp, cfp, hp, chp, fhp, cfhp := viewP{v}, viewCP{c}, viewFP{f}, viewCFP{cf}, viewHP{h}, viewCHP{ch}, viewFHP{fh}, viewCFHP{cfh}
	return [...]http.ResponseWriter{
		v, c, f, cf, h, ch, fh, cfh,
		p, cp, fp, cfp, hp, chp, fhp, cfhp,
		viewR{v},
		viewCR{c},
		viewFR{f},
		viewCFR{cf},
		viewHR{h},
		viewCHR{ch},
		viewFHR{fh},
		viewCFHR{cfh},
		viewPR{p},
		viewCPR{cp},
		viewFPR{fp},
		viewCFPR{cfp},
		viewHPR{hp},
		viewCHPR{chp},
		viewFHPR{fhp},
		viewCFHPR{cfhp},
	}[abilities]
}

func (w viewC) SetReadDeadline(t time.Time) error {
	return w.control(func(c *http.ResponseController) error { return c.SetReadDeadline(t) })
}

func (w viewC) SetWriteDeadline(t time.Time) error {
	return w.control(func(c *http.ResponseController) error { return c.SetWriteDeadline(t) })
}

func (w viewC) EnableFullDuplex() error {
	return w.control((*http.ResponseController).EnableFullDuplex)
}

func (w viewF) Flush()  { _ = w.flush() }
func (w viewCF) Flush() { _ = w.flush() }

func (w viewF) FlushError() error  { return w.flush() }
func (w viewCF) FlushError() error { return w.flush() }

func (w viewH) Hijack() (net.Conn, *bufio.ReadWriter, error)   { return w.hijack() }
func (w viewCH) Hijack() (net.Conn, *bufio.ReadWriter, error)  { return w.hijack() }
func (w viewFH) Hijack() (net.Conn, *bufio.ReadWriter, error)  { return w.hijack() }
func (w viewCFH) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }

func (w viewP) Push(target string, opts *http.PushOptions) error    { return w.push(target, opts) }
func (w viewCP) Push(target string, opts *http.PushOptions) error   { return w.push(target, opts) }
func (w viewFP) Push(target string, opts *http.PushOptions) error   { return w.push(target, opts) }
func (w viewCFP) Push(target string, opts *http.PushOptions) error  { return w.push(target, opts) }
func (w viewHP) Push(target string, opts *http.PushOptions) error   { return w.push(target, opts) }
func (w viewCHP) Push(target string, opts *http.PushOptions) error  { return w.push(target, opts) }
func (w viewFHP) Push(target string, opts *http.PushOptions) error  { return w.push(target, opts) }
func (w viewCFHP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w viewR) ReadFrom(src io.Reader) (int64, error)     { return w.readFrom(src) }
func (w viewCR) ReadFrom(src io.Reader) (int64, error)    { return w.readFrom(src) }
func (w viewFR) ReadFrom(src io.Reader) (int64, error)    { return w.readFrom(src) }
func (w viewCFR) ReadFrom(src io.Reader) (int64, error)   { return w.readFrom(src) }
func (w viewHR) ReadFrom(src io.Reader) (int64, error)    { return w.readFrom(src) }
func (w viewCHR) ReadFrom(src io.Reader) (int64, error)   { return w.readFrom(src) }
func (w viewFHR) ReadFrom(src io.Reader) (int64, error)   { return w.readFrom(src) }
func (w viewCFHR) ReadFrom(src io.Reader) (int64, error)  { return w.readFrom(src) }
func (w viewPR) ReadFrom(src io.Reader) (int64, error)    { return w.readFrom(src) }
func (w viewCPR) ReadFrom(src io.Reader) (int64, error)   { return w.readFrom(src) }
func (w viewFPR) ReadFrom(src io.Reader) (int64, error)   { return w.readFrom(src) }
func (w viewCFPR) ReadFrom(src io.Reader) (int64, error)  { return w.readFrom(src) }
func (w viewHPR) ReadFrom(src io.Reader) (int64, error)   { return w.readFrom(src) }
func (w viewCHPR) ReadFrom(src io.Reader) (int64, error)  { return w.readFrom(src) }
func (w viewFHPR) ReadFrom(src io.Reader) (int64, error)  { return w.readFrom(src) }
func (w viewCFHPR) ReadFrom(src io.Reader) (int64, error) { return w.readFrom(src) }
