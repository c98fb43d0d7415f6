package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fxsession/sessions/session"
)

// A value is made when it is first asked for, once a request, and shared; the
// session is not touched by it.
func TestAScopedValueIsMadeOncePerRequest(t *testing.T) {
	e := newEnv(t)
	var made atomic.Int64
	number := session.NewScoped(func(context.Context, *session.Session) (int64, error) { return made.Add(1), nil })
	label := session.NewScoped(func(ctx context.Context, s *session.Session) (string, error) {
		n, err := number.Get(ctx, s)
		return fmt.Sprint("no. ", n), err
	})
	for request := int64(1); request <= 3; request++ {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		w := httptest.NewRecorder()
		e.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			s := session.FromContext(r.Context())
			var askers sync.WaitGroup
			for range 8 {
				askers.Go(func() {
					text, err := label.Get(r.Context(), s)
					n, err2 := number.Get(r.Context(), s)
					if n != request || text != fmt.Sprint("no. ", request) || errors.Join(err, err2) != nil {
						t.Errorf("request %d: got %d %q %v %v", request, n, text, err, err2)
					}
				})
			}
			askers.Wait()
		})).ServeHTTP(w, r)
		if len(w.Result().Header) != 0 {
			t.Errorf("the response has headers: %v", w.Result().Header)
		}
	}
	e.wantCalls()
	if made.Load() != 3 {
		t.Errorf("made %d, want 3", made.Load())
	}
}

// An error is the request's as well: the constructor is not called again.
func TestAScopedValueThatFailsFailsOnce(t *testing.T) {
	e := newEnv(t)
	broken := errors.New("broken")
	calls := 0
	value := session.NewScoped(func(context.Context, *session.Session) (string, error) { calls++; return "half", broken })
	s := e.New(nil)
	for range 2 {
		if _, err := value.Get(t.Context(), s); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
	if calls != 1 {
		t.Errorf("called %d times", calls)
	}
}

// Two values of one constructor are two.
func TestTwoScopedValuesAreTwo(t *testing.T) {
	e := newEnv(t)
	calls := 0
	construct := func(context.Context, *session.Session) (int, error) { calls++; return calls, nil }
	one, two := session.NewScoped(construct), session.NewScoped(construct)
	s := e.New(nil)
	a, _ := one.Get(t.Context(), s)
	b, _ := two.Get(t.Context(), s)
	if a == b {
		t.Errorf("got %d and %d", a, b)
	}
}

// What would wait for itself gets an error, and so does who asks after a panic.
func TestAScopedValueNeverWaitsForItself(t *testing.T) {
	e := newEnv(t)
	var one, two *session.Scoped[int]
	one = session.NewScoped(func(ctx context.Context, s *session.Session) (int, error) { return two.Get(ctx, s) })
	two = session.NewScoped(func(ctx context.Context, s *session.Session) (int, error) { return one.Get(ctx, s) })
	if _, err := one.Get(t.Context(), e.New(nil)); err == nil {
		t.Error("a cycle is no error")
	}

	panics := session.NewScoped(func(context.Context, *session.Session) (int, error) { panic("of the constructor") })
	s := e.New(nil)
	func() {
		defer func() {
			if p := recover(); p != "of the constructor" {
				t.Errorf("the panic is %v", p)
			}
		}()
		panics.Get(t.Context(), s)
	}()
	if _, err := panics.Get(t.Context(), s); err == nil {
		t.Error("no error after a panic")
	}
}

// A circle that no context shows is left when a context ends.
func TestAScopedValueIsNotWaitedForLongerThanTheContext(t *testing.T) {
	e := newEnv(t)
	ctx, cancel := context.WithCancel(t.Context())
	var value *session.Scoped[int]
	value = session.NewScoped(func(_ context.Context, s *session.Session) (int, error) {
		time.AfterFunc(time.Millisecond, cancel)
		return value.Get(ctx, s) // not the ctx that it was given
	})
	if _, err := value.Get(ctx, e.New(nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of the context", err)
	}

	var one, two *session.Scoped[int]
	inOne, inTwo := make(chan struct{}), make(chan struct{})
	one = session.NewScoped(func(ctx context.Context, s *session.Session) (int, error) {
		close(inOne)
		<-inTwo
		return two.Get(ctx, s)
	})
	two = session.NewScoped(func(ctx context.Context, s *session.Session) (int, error) {
		close(inTwo)
		<-inOne
		return one.Get(ctx, s)
	})
	ctx, cancel = context.WithCancel(t.Context())
	s := e.New(nil)
	var both sync.WaitGroup
	for _, v := range []*session.Scoped[int]{one, two} {
		both.Go(func() {
			if _, err := v.Get(ctx, s); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want the end of the context", err)
			}
		})
	}
	<-inOne
	<-inTwo
	cancel()
	both.Wait()
}

// Without the middleware, after the request and without a constructor there is
// an error, no panic.
func TestAScopedValueNeedsARequest(t *testing.T) {
	e := newEnv(t)
	value := session.NewScoped(func(context.Context, *session.Session) (int, error) { return 1, nil })
	if _, err := value.Get(t.Context(), session.FromContext(t.Context())); !errors.Is(err, session.ErrNotInstalled) {
		t.Errorf("got %v", err)
	}
	if _, err := value.Get(t.Context(), nil); !errors.Is(err, session.ErrNotInstalled) {
		t.Errorf("got %v", err)
	}
	var kept *session.Session
	e.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		kept = session.FromContext(r.Context())
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if _, err := value.Get(t.Context(), kept); !errors.Is(err, session.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := session.NewScoped[int](nil).Get(t.Context(), e.New(nil)); err == nil {
		t.Error("no error without a constructor")
	}
	if _, err := (*session.Scoped[int])(nil).Get(t.Context(), e.New(nil)); err == nil {
		t.Error("no error for a nil Scoped")
	}
}
