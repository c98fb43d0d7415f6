package sealing_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/fxsession/sessions/internal/sealing"
)

var keyA, keyB = [32]byte{1}, [32]byte{2}

func newSealer(tb testing.TB, scheme sealing.Scheme, name string, keys ...[32]byte) *sealing.Sealer {
	tb.Helper()
	s, err := sealing.New(scheme, name, keys...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

var schemes = map[string]sealing.Scheme{"encrypt": sealing.Encrypt, "sign": sealing.Sign}

func TestWhatIsSealedOpens(t *testing.T) {
	t.Parallel()
	for name, scheme := range schemes {
		s := newSealer(t, scheme, "session", keyA)
		for _, n := range []int{0, 1, 2, 3, 40, 3000} {
			payload := bytes.Repeat([]byte{0xab}, n)
			text := s.Seal(payload)
			if len(text) != s.Size(n) {
				t.Errorf("%s: %d bytes take %d, Size says %d", name, n, len(text), s.Size(n))
			}
			if got, err := s.Open(text); err != nil || !bytes.Equal(got, payload) {
				t.Errorf("%s: %d bytes: %x, %v", name, n, got, err)
			}
		}
	}
}

func TestOnlyAnEncryptedPayloadIsHidden(t *testing.T) {
	t.Parallel()
	payload := []byte("the payload itself")
	for name, scheme := range schemes {
		s := newSealer(t, scheme, "session", keyA)
		raw, _ := base64.RawURLEncoding.DecodeString(s.Seal(payload))
		if bytes.Contains(raw, payload) != (scheme == sealing.Sign) {
			t.Errorf("%s: %q", name, raw)
		}
		once, twice := s.Seal(payload), s.Seal(payload)
		if same := once == twice; same != (scheme == sealing.Sign) {
			t.Errorf("%s: sealed twice it is the same: %v", name, same)
		}
	}
}

func TestNothingElseOpens(t *testing.T) {
	t.Parallel()
	for name, scheme := range schemes {
		s := newSealer(t, scheme, "session", keyA)
		text := s.Seal([]byte("payload"))
		other := map[string]string{
			"another key":  newSealer(t, scheme, "session", keyB).Seal([]byte("payload")),
			"another name": newSealer(t, scheme, "other", keyA).Seal([]byte("payload")),
			"another way":  newSealer(t, sealing.Encrypt+sealing.Sign-scheme, "session", keyA).Seal([]byte("payload")),
			"nothing":      "", "no base64": "!" + text[1:], "padding": text + "=", "one more": text + "A", "one less": text[:len(text)-1],
			"a short one": text[:7], "a header alone": text[:8], "a header and a byte": text[:10], "a line feed": text[:9] + "\n" + text[9:],
		}
		raw, _ := base64.RawURLEncoding.DecodeString(text)
		for i := range raw {
			for bit := range 8 {
				flipped := bytes.Clone(raw)
				flipped[i] ^= 1 << bit
				if _, err := s.Open(base64.RawURLEncoding.EncodeToString(flipped)); !errors.Is(err, sealing.ErrInvalid) {
					t.Errorf("%s: with bit %d of byte %d flipped: %v", name, bit, i, err)
				}
			}
		}
		for what, text := range other {
			if _, err := s.Open(text); !errors.Is(err, sealing.ErrInvalid) {
				t.Errorf("%s: %s opens: %v", name, what, err)
			}
		}
	}
}

func TestTheFirstKeySealsAndAllOpen(t *testing.T) {
	t.Parallel()
	for name, scheme := range schemes {
		old, both, next := newSealer(t, scheme, "s", keyA), newSealer(t, scheme, "s", keyB, keyA), newSealer(t, scheme, "s", keyB)
		if _, err := both.Open(old.Seal(nil)); err != nil {
			t.Errorf("%s: the old key does not open: %v", name, err)
		}
		if _, err := next.Open(both.Seal(nil)); err != nil {
			t.Errorf("%s: the first key does not seal: %v", name, err)
		}
		if _, err := next.Open(old.Seal(nil)); !errors.Is(err, sealing.ErrInvalid) {
			t.Errorf("%s: a key that was taken away opens: %v", name, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	if _, err := sealing.New(sealing.Encrypt, "s"); !errors.Is(err, sealing.ErrNoKey) {
		t.Errorf("no keys: %v", err)
	}
	if _, err := sealing.New(7, "s", keyA); err == nil || !strings.Contains(err.Error(), "7") {
		t.Errorf("an unknown scheme: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	for _, scheme := range schemes {
		f.Add(newSealer(f, scheme, "session", keyA).Seal([]byte("payload")))
	}
	f.Add("AQAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		for name, scheme := range schemes {
			s := newSealer(t, scheme, "session", keyB) // whose texts the fuzzer has never seen
			if _, err := s.Open(text); !errors.Is(err, sealing.ErrInvalid) {
				t.Errorf("%s: %q opens: %v", name, text, err)
			}
		}
	})
}
