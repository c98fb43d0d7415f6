package commit_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxsession/sessions/internal/commit"
)

// asserted lists the optional interfaces that w has, as a handler finds them.
func asserted(w http.ResponseWriter) (found []string) {
	for _, i := range []struct {
		name string
		has  bool
	}{
		{"Flusher", is[http.Flusher](w)},
		{"Hijacker", is[http.Hijacker](w)},
		{"Pusher", is[http.Pusher](w)},
		{"ReaderFrom", is[io.ReaderFrom](w)},
		{"SetReadDeadline", is[interface{ SetReadDeadline(time.Time) error }](w)},
		{"SetWriteDeadline", is[interface{ SetWriteDeadline(time.Time) error }](w)},
		{"EnableFullDuplex", is[interface{ EnableFullDuplex() error }](w)},
	} {
		if i.has {
			found = append(found, i.name)
		}
	}
	return found
}

func is[T any](w http.ResponseWriter) bool {
	_, ok := w.(T)
	return ok
}

// unwrapped lists the optional interfaces that some writer in the chain below w
// has: what code finds that unwraps and asserts by itself.
func unwrapped(w http.ResponseWriter) []string {
	var found []string
	for range 100 {
		found = append(found, asserted(w)...)
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			slices.Sort(found)
			return slices.Compact(found)
		}
		w = u.Unwrap()
	}
	return []string{"Unwrap never ends"}
}

// controlled says what each method of an http.ResponseController answers for w.
func controlled(w http.ResponseWriter) (answers []string) {
	c := http.NewResponseController(w)
	conn, _, hijack := c.Hijack()
	if conn != nil {
		defer conn.Close()
	}
	for _, m := range []struct {
		name string
		err  error
	}{
		{"Flush", c.Flush()},
		{"Hijack", hijack},
		{"SetReadDeadline", c.SetReadDeadline(time.Time{})},
		{"SetWriteDeadline", c.SetWriteDeadline(time.Time{})},
		{"EnableFullDuplex", c.EnableFullDuplex()},
	} {
		answers = append(answers, fmt.Sprint(m.name, ": ", m.err, errors.Is(m.err, http.ErrNotSupported)))
	}
	return answers
}

// belows are all synthetic writers, each made anew by its function.
func belows() map[string]func(*diary) http.ResponseWriter {
	all := map[string]func(*diary) http.ResponseWriter{
		"SetReadDeadline only":  func(d *diary) http.ResponseWriter { return onlyReadDeadline{d} },
		"SetWriteDeadline only": func(d *diary) http.ResponseWriter { return onlyWriteDeadline{d} },
		"EnableFullDuplex only": func(d *diary) http.ResponseWriter { return onlyFullDuplex{d} },
		"Flush only":            func(d *diary) http.ResponseWriter { return onlyFlush{d} },
		"FlushError only":       func(d *diary) http.ResponseWriter { return onlyFlushError{d} },
	}
	for abilities := range 32 {
		name := fmt.Sprintf("%05b", abilities)
		all[name] = func(d *diary) http.ResponseWriter { return belowWith(d, abilities) }
		all[name+" behind Unwrap"] = func(d *diary) http.ResponseWriter { return onlyUnwrap{belowWith(d, abilities)} }
		all[name+" behind two"] = func(d *diary) http.ResponseWriter { return onlyUnwrap{onlyUnwrap{belowWith(d, abilities)}} }
	}
	return all
}

func TestB4_OptionalInterfacesEqualThoseOfTheWriterBelow(t *testing.T) {
	t.Parallel()
	sets := map[string]bool{}
	for name, below := range belows() {
		bare, wrapped := newDiary(), newDiary()
		var c, further commit.Writer
		w := c.Wrap(below(wrapped), &hooks{})

		want, got := asserted(below(bare)), asserted(w)
		if strings.HasSuffix(name, "Deadline only") || name == "EnableFullDuplex only" {
			want = nil // part of the three is there through Unwrap alone
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: asserted are %v, want %v", name, got, want)
		}
		if is[http.Flusher](w) != is[interface{ FlushError() error }](w) {
			t.Errorf("%s: Flush without FlushError, or the other way round", name)
		}
		sets[fmt.Sprint(got)] = true
		if again := asserted(further.Wrap(w, &hooks{})); !slices.Equal(again, got) {
			t.Errorf("%s: asserted on a second writer around the first are %v, want %v", name, again, got)
		}

		if !strings.HasSuffix(name, " only") {
			if want, got := unwrapped(below(bare)), unwrapped(w); !slices.Equal(got, want) {
				t.Errorf("%s: found by unwrapping are %v, want %v", name, got, want)
			}
		}
		if want, got := controlled(below(bare)), controlled(w); !slices.Equal(got, want) {
			t.Errorf("%s: a controller says\n%s, want\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if !slices.Equal(wrapped.notes, bare.notes) {
			t.Errorf("%s: called below were %v, want %v", name, wrapped.notes, bare.notes)
		}
	}
	if len(sets) != 32 {
		t.Errorf("%d sets of interfaces were seen, want 32", len(sets))
	}
}

// actsByAssertion are the ways to use a writer, named after what is then called
// on the writer below; each is tried on whatever has it.
var actsByAssertion = []struct {
	name    string
	commits bool
	try     func(w http.ResponseWriter)
}{
	{"Write", true, func(w http.ResponseWriter) { w.Write([]byte("x")) }},
	{"WriteHeader", true, func(w http.ResponseWriter) { w.WriteHeader(200) }},
	{"Flush", true, func(w http.ResponseWriter) { w.(http.Flusher).Flush() }},
	{"Flush", true, func(w http.ResponseWriter) { w.(interface{ FlushError() error }).FlushError() }},
	{"Flush", true, func(w http.ResponseWriter) { http.NewResponseController(w).Flush() }},
	{"Hijack", true, func(w http.ResponseWriter) { w.(http.Hijacker).Hijack() }},
	{"Hijack", true, func(w http.ResponseWriter) { http.NewResponseController(w).Hijack() }},
	{"ReadFrom", true, func(w http.ResponseWriter) { w.(io.ReaderFrom).ReadFrom(strings.NewReader("x")) }},
	{"Push", false, func(w http.ResponseWriter) { w.(http.Pusher).Push("/", nil) }},
	{"SetReadDeadline", false, func(w http.ResponseWriter) {
		w.(interface{ SetReadDeadline(time.Time) error }).SetReadDeadline(time.Time{})
	}},
	{"SetWriteDeadline", false, func(w http.ResponseWriter) {
		w.(interface{ SetWriteDeadline(time.Time) error }).SetWriteDeadline(time.Time{})
	}},
	{"EnableFullDuplex", false, func(w http.ResponseWriter) {
		w.(interface{ EnableFullDuplex() error }).EnableFullDuplex()
	}},
}

func TestB4_NoPathLetsHeadersLeaveBeforeTheCommit(t *testing.T) {
	t.Parallel()
	for name, below := range belows() {
		for _, act := range actsByAssertion {
			// The act is tried on the writer itself, on its guard and on the
			// guard's guard, and through a wrapper of the handler's own.
			for depth := range 4 {
				d := newDiary()
				var c commit.Writer
				h := hookFuncs{before: func(http.Header) error { d.note("save"); return nil }}
				w := c.Wrap(below(d), h)
				for range depth % 3 {
					w = guardOf(w)
				}
				if depth == 3 {
					w = onlyUnwrap{w}
				}
				if panicOf(func() { act.try(w) }) != nil {
					if len(d.notes) != 0 {
						t.Errorf("%s: %s at depth %d: it is not there, and did %v", name, act.name, depth, d.notes)
					}
					continue // the writer below does not have it, nor does this one
				}
				want := []string{act.name}
				if act.commits {
					want = []string{"save", act.name}
				}
				if len(d.notes) == 0 && !strings.HasPrefix(act.name, "Write") {
					continue // not supported, and so no commit
				}
				if !slices.Equal(d.notes, want) {
					t.Errorf("%s: %s at depth %d did %v, want %v", name, act.name, depth, d.notes, want)
				}
			}
		}
	}
}

func TestB4_WhatIsNotSupportedCommitsNothing(t *testing.T) {
	t.Parallel()
	s := &hooks{}
	var c commit.Writer
	w := c.Wrap(newDiary(), s)
	for _, answer := range controlled(w) {
		if !strings.HasSuffix(answer, "true") {
			t.Errorf("%s, want ErrNotSupported", answer)
		}
	}
	if saves, _ := s.counts(); saves != 0 {
		t.Error("it was saved for what is not supported")
	}
}

func TestB4_TheWritersOfNetHTTP(t *testing.T) {
	t.Parallel()
	compare := func(t *testing.T, w http.ResponseWriter) {
		var c commit.Writer
		wrapped := c.Wrap(w, &hooks{})
		if want, got := asserted(w), asserted(wrapped); !slices.Equal(got, want) {
			t.Errorf("asserted are %v, want %v", got, want)
		}
		if want, got := unwrapped(w), unwrapped(wrapped); !slices.Equal(got, want) {
			t.Errorf("found by unwrapping are %v, want %v", got, want)
		}
	}
	overEach(t, func(t *testing.T, proto string) {
		var seen []string
		look := func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				compare(t, w)
				seen = asserted(w)
			})
		}
		open(t, proto, &hooks{}, nil, look).ask(t, "GET")
		want := []string{"Flusher", "Hijacker", "ReaderFrom", "SetReadDeadline", "SetWriteDeadline", "EnableFullDuplex"}
		if proto == "HTTP/2.0" {
			want = []string{"Flusher", "Pusher", "SetReadDeadline", "SetWriteDeadline", "EnableFullDuplex"}
		}
		if !slices.Equal(seen, want) {
			t.Errorf("the server's writer has %v, want %v", seen, want)
		}
	})
	t.Run("httptest.ResponseRecorder", func(t *testing.T) { compare(t, httptest.NewRecorder()) })
	t.Run("http.TimeoutHandler", func(t *testing.T) {
		look := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { compare(t, w) })
		http.TimeoutHandler(look, time.Minute, "").ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	})
}

func TestB4_AControllerAnswersAsWithoutTheWrapper(t *testing.T) {
	t.Parallel()
	overEach(t, func(t *testing.T, proto string) {
		answers := map[bool][]string{}
		for _, wrapped := range []bool{false, true} {
			look := func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					if wrapped {
						var c commit.Writer
						w = c.Wrap(w, &hooks{})
					}
					answers[wrapped] = controlled(w)
				})
			}
			at := open(t, proto, &hooks{}, nil, look)
			if proto == "HTTP/2.0" {
				at.ask(t, "GET")
			} else { // the connection is taken over and closed
				at.raw(t, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			}
		}
		if !slices.Equal(answers[true], answers[false]) {
			t.Errorf("a controller says %v, want %v", answers[true], answers[false])
		}
	})
}

func TestB4_PushReachesTheServer(t *testing.T) {
	t.Parallel()
	d := newDiary()
	var c commit.Writer
	w := c.Wrap(belowWith(d, 0b01000), &hooks{})
	if err := w.(http.Pusher).Push("/style.css", nil); err != nil || !slices.Equal(d.notes, []string{"Push"}) || c.Started() {
		t.Errorf("Push returned %v, did %v, started %t", err, d.notes, c.Started())
	}
}

func TestB4_CloseNotifyIsTheOneBelowOrNeverFires(t *testing.T) {
	t.Parallel()
	fired := make(chan bool, 1)
	var c, plain commit.Writer
	w := c.Wrap(closeNotifier{newDiary(), fired}, &hooks{})
	fired <- true
	//lint:ignore SA1019 deprecated, and still called by routers
	if !<-w.(http.CloseNotifier).CloseNotify() {
		t.Error("the channel is not the one below")
	}
	//lint:ignore SA1019 deprecated, and still called by routers
	never := plain.Wrap(newDiary(), &hooks{}).(http.CloseNotifier).CloseNotify()
	select {
	case <-never:
		t.Error("the channel fired")
	default:
	}
}

type closeNotifier struct {
	http.ResponseWriter
	gone chan bool
}

func (n closeNotifier) CloseNotify() <-chan bool { return n.gone }
