package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fxsession/sessions/store"
)

func answering(err error) *able {
	return &able{fake{answer: func(context.Context) error { return err }}}
}

func TestErrorsAreWrappedOnce(t *testing.T) {
	t.Parallel()
	for op, call := range operations {
		for _, want := range []error{
			store.ErrNotFound, store.ErrEnded, store.ErrRenewed, store.ErrConflict, store.ErrDuplicateKey, store.ErrCorrupt, store.ErrFull,
		} {
			for _, answer := range []error{want, fmt.Errorf("reading a row: %w", want)} {
				err := call(t.Context(), store.New(answering(answer)))
				if !errors.Is(err, want) || errors.Is(err, store.ErrUnavailable) {
					t.Errorf("%s: error %v, want %v and not ErrUnavailable", op, err, want)
				}
				var wrapped *store.Error
				if !errors.As(err, &wrapped) || wrapped.Op != op || wrapped.Err != answer {
					t.Errorf("%s: error %#v, want an *Error around what the backend returned", op, err)
				}
				if got, want := err.Error(), "session store: "+op+": "+answer.Error(); got != want {
					t.Errorf("the text is %q, want %q", got, want)
				}
			}
		}
	}
}

func TestErrRenewedIsAnErrEndedAndNotTheOtherWayRound(t *testing.T) {
	t.Parallel()
	if !errors.Is(store.ErrRenewed, store.ErrEnded) || errors.Is(store.ErrEnded, store.ErrRenewed) {
		t.Error("who asks for ErrEnded must get both, who asks for ErrRenewed that alone")
	}
}

func TestAnyOtherErrorOfABackendIsErrUnavailable(t *testing.T) {
	t.Parallel()
	refused := errors.New("connection refused")
	for op, call := range operations {
		err := call(t.Context(), store.New(answering(refused)))
		if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, refused) {
			t.Errorf("%s: error %v, want ErrUnavailable around the backend's own", op, err)
		}
		if got := err.Error(); strings.Contains(got, "secret") || strings.Contains(got, aKeyText) {
			t.Errorf("%s: the text gives a key or a value away: %q", op, got)
		}
	}
	s := store.New(answering(refused))
	for op, err := range map[string]error{"migrate": s.Migrate(t.Context()), "close": s.Close()} {
		var wrapped *store.Error
		if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, refused) || !errors.As(err, &wrapped) || wrapped.Op != op {
			t.Errorf("%s: error %v, want ErrUnavailable around the backend's own", op, err)
		}
	}
}

func TestLoadReturnsNoRecordBesideAnError(t *testing.T) {
	t.Parallel()
	rec, err := store.New(answering(store.ErrCorrupt)).Load(t.Context(), aKey)
	if err == nil || rec.Version != 0 {
		t.Errorf("Load = %+v, %v", rec, err)
	}
}

// waits is a backend that answers when its context ends, with its error.
func waits() *able {
	return &able{fake{answer: func(ctx context.Context) error {
		<-ctx.Done()
		return fmt.Errorf("reading the answer: %w", ctx.Err())
	}}}
}

// C8: a caller that gives up is not a backend that is unavailable.
func TestC8_TheCallersCancellationIsItsOwn(t *testing.T) {
	t.Parallel()
	for op, call := range operations {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := call(ctx, store.New(waits())); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s with a canceled context: error %v, want Canceled and not ErrUnavailable", op, err)
		}
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err := call(ctx, store.New(waits()))
			if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s past the caller's deadline: error %v, want DeadlineExceeded and not ErrUnavailable", op, err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := store.New(waits()).Migrate(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("migrate with a canceled context: error %v, want Canceled and not ErrUnavailable", err)
	}
}

// C8: a backend that does not answer in time is unavailable.
func TestC8_TheStoresOwnTimeoutIsErrUnavailable(t *testing.T) {
	t.Parallel()
	for op, call := range operations {
		for want, opts := range map[time.Duration][]store.Option{
			store.DefaultTimeout:  nil,
			70 * time.Millisecond: {store.WithTimeout(70 * time.Millisecond)},
		} {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				err := call(t.Context(), store.New(waits(), opts...))
				if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: error %v, want ErrUnavailable and DeadlineExceeded", op, err)
				}
				if took := time.Since(start); took != want {
					t.Errorf("%s: gave up after %s, want %s", op, took, want)
				}
			})
		}
	}
}

func TestWhichCallsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		remote, inProcess, zero, negative := new(able), new(local), new(able), new(able)
		for _, row := range []struct {
			name string
			s    *store.SessionStore
			seen *fake
			want time.Duration
		}{
			{"the default", store.New(remote), &remote.fake, store.DefaultTimeout},
			{"in process", store.New(inProcess, store.WithTimeout(time.Second)), &inProcess.fake, unbounded},
			{"a timeout of zero", store.New(zero, store.WithTimeout(0)), &zero.fake, unbounded},
			{"a negative timeout", store.New(negative, store.WithTimeout(-1)), &negative.fake, unbounded},
		} {
			for op, call := range operations {
				if err := call(t.Context(), row.s); err != nil {
					t.Fatal(err)
				}
				for _, got := range row.seen.bounds {
					if got != row.want {
						t.Errorf("%s: %s may take %s, want %s", row.name, op, got, row.want)
					}
				}
			}
		}
		migrating := new(able)
		if err := store.New(migrating).Migrate(t.Context()); err != nil || migrating.bounds[0] != unbounded {
			t.Errorf("a migration may take %v, %v; want no bound", migrating.bounds, err)
		}
	})
}
