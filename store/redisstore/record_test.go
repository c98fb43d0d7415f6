package redisstore_test

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

// far is an expiry, as a record has it, in the 26th century.
const far = "\xcf\x00\x00\x11\x00\x00\x00\x00\x00"

func TestTheLayoutOfARecordAndOfAMark(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	namespace := newNamespace()
	s := redisstore.New(client, redisstore.WithNamespace(namespace))
	const expires = "EXPIRES" // stands for when atMost is over
	holds := func(n int, want string, atMost time.Duration) {
		t.Helper()
		name := namespace + key(n).String()
		got, err := command(t, client, "GET", name).ToString()
		if err != nil {
			t.Fatal(err)
		}
		if begin, rest, ok := strings.Cut(want, expires); ok {
			at := len(begin) + 1 // after the byte that says of how many bits it is
			if len(got) < at+8 {
				t.Fatalf("it is %q", got)
			}
			d := time.Until(time.UnixMilli(int64(binary.BigEndian.Uint64([]byte(got[at:])))))
			if d > atMost+time.Second || d < atMost-10*time.Second { // there are two clocks
				t.Errorf("it expires in %s, want %s", d, atMost)
			}
			got, want = got[:at]+got[at+8:], begin+"\xcf"+rest
		}
		if got != want {
			t.Errorf("it is %q, want %q", got, want)
		}
		left, err := command(t, client, "PTTL", name).AsInt64()
		if d := time.Duration(left) * time.Millisecond; err != nil || d > atMost || d < atMost-10*time.Second {
			t.Errorf("it lives for %s, want %s", d, atMost)
		}
	}
	const created = "\xcf\x00\x00\x01\x8b\xcf\xe5\x68\x7b"

	rec := record("a", `[]`)
	rec.Subject = "user-1"
	if err := s.Create(t.Context(), key(1), rec); err != nil {
		t.Fatal(err)
	}
	// Its entry in the index lasts an hour and a minute longer, half a minute of which
	// is kept back: 0x3763b0 milliseconds.
	holds(1, "\x01\xc2\x01"+created+expires+"\xce\x00\x37\x63\xb0"+"\xa6user-1"+"\x81\xa1a\xa2[]", time.Hour)
	const look = "return cjson.encode({cmsgpack.unpack(redis.call('GET', KEYS[1]))})"
	if guide, err := os.ReadFile("../../docs/redis.md"); err != nil || !strings.Contains(string(guide), look) {
		t.Errorf("docs/redis.md shows another way to look at a session, error %v", err)
	}
	shown, err := command(t, client, "EVAL", look, "1", namespace+key(1).String()).ToString()
	if want := regexp.MustCompile(`^\[1,false,1,1700000000123,[0-9.e+]+,3630000,"user-1",{"a":"\[\]"}\]$`); err != nil || !want.MatchString(shown) {
		t.Errorf("docs/redis.md shows %s, error %v, want %s", shown, err, want)
	}

	nobody := ""
	ch := store.Change{Clear: true, Set: state("v", `8`), Subject: &nobody, TTL: 2 * time.Hour}
	if err := s.ChangeKey(t.Context(), key(1), key(2), ch); err != nil {
		t.Fatal(err)
	}
	holds(1, "\xa7renewed\xc2", store.Grace)
	holds(2, "\x01\xc2\x02"+created+expires+"\x00"+"\xa0"+"\x81\xa1v\xa18", 2*time.Hour)

	if err := s.Update(t.Context(), key(2), store.Change{Remove: []string{"v"}}); err != nil {
		t.Fatal(err)
	}
	holds(2, "\x01\xc2\x03"+created+expires+"\x00"+"\xa0", 2*time.Hour)

	if err := s.Delete(t.Context(), key(2)); err != nil {
		t.Fatal(err)
	}
	holds(2, "\xa7deleted\xc2", store.Grace)
}

func TestTheDefaultNamespace(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	unique := store.Key{7, 7, 7}
	for namespace, s := range map[string]*redisstore.Store{
		"session:": redisstore.New(client),
		"":         redisstore.New(client, redisstore.WithNamespace("")),
	} {
		if err := s.Create(t.Context(), unique, record()); err != nil {
			t.Fatal(err)
		}
		if n, err := command(t, client, "DEL", namespace+unique.String()).AsInt64(); err != nil || n != 1 {
			t.Errorf("there is no key under the namespace %q", namespace)
		}
	}
}

// C9: every way in which a key can hold something that is not a record.
func TestC9_WhatIsNotARecordStaysAsItIs(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	kinds := map[string][][]string{
		"a list":                   {{"RPUSH", "", "x"}},
		"a set":                    {{"SADD", "", "f"}},
		"a hash":                   {{"HSET", "", "user", "1"}},
		"nothing":                  {{"SET", "", ""}},
		"a text":                   {{"SET", "", "x"}},
		"JSON":                     {{"SET", "", `{"user":1}`}},
		"a later format":           {{"SET", "", "\x02\xc2\x01\x01" + far + "\x00\xa0"}},
		"a format alone":           {{"SET", "", "\x01"}},
		"a record without notes":   {{"SET", "", "\x01\x01\x01" + far + "\x00\xa0"}},
		"notes of another kind":    {{"SET", "", "\x01\xc3\x01\x01" + far + "\x00\xa0"}},
		"a version of letters":     {{"SET", "", "\x01\xc2\xa11\x01" + far + "\x00\xa0"}},
		"a version of zero":        {{"SET", "", "\x01\xc2\x00\x01" + far + "\x00\xa0"}},
		"a version below zero":     {{"SET", "", "\x01\xc2\xff\x01" + far + "\x00\xa0"}},
		"a version of many digits": {{"SET", "", "\x01\xc2\xcf\x00\x1f\xf9\x73\xca\xfa\x80\x00\x01" + far + "\x00\xa0"}},
		"half a version":           {{"SET", "", "\x01\xc2\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\x01" + far + "\x00\xa0"}},
		"a creation time of words": {{"SET", "", "\x01\xc2\x01\xa3now" + far + "\x00\xa0"}},
		"a spare of letters":       {{"SET", "", "\x01\xc2\x01\x01" + far + "\xa10\xa0"}},
		"an expiry of words":       {{"SET", "", "\x01\xc2\x01\x01\xa5never\x00\xa0"}},
		"an expiry of zero":        {{"SET", "", "\x01\xc2\x01\x01\x00\x00\xa0"}},
		"an expiry of many digits": {{"SET", "", "\x01\xc2\x01\x01\xcf\x00\x1f\xf9\x73\xca\xfa\x80\x00\x00\xa0"}},
		"half an expiry":           {{"SET", "", "\x01\xc2\x01\x01\xcb\x42\x70\x00\x00\x00\x00\x08\x00\x00\xa0"}},
		"half a spare":             {{"SET", "", "\x01\xc2\x01\x01" + far + "\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\xa0"}},
		"a subject of digits":      {{"SET", "", "\x01\xc2\x01\x01" + far + "\x00\x07"}},
		"no subject":               {{"SET", "", "\x01\xc2\x01\x01" + far + "\x00"}},
		"an early end":             {{"SET", "", "\x01\xc2\x01\x01" + far + "\x00\xa5ada"}},
		"a mark of another kind":   {{"SET", "", "\xa6frozen\xc2"}},
		"a mark without notes":     {{"SET", "", "\xa7deleted"}},
		"more than a mark":         {{"SET", "", "\xa7renewed\xc2\x01"}},
		"a note without a name":    {{"SET", "", "\x01\x81\x01\x01\x01\x01" + far + "\x00\xa0"}},
		"a note of a note":         {{"SET", "", "\x01\x81\xa1w\x80\x01\x01" + far + "\x00\xa0"}},
		"two marks":                {{"SET", "", "\xa7deleted\xc2\xa7renewed\xc2"}},
		"a record that moves until long after the end": {{"SET", "", "\xa6moving\xc2\xa1a\xa1b\xcf\x3f\xff\xff\xff\xff\xff\xff\xff\xc2\x01\xc2\x01\x01" + far + "\x00\xa0"}},
		"a record over a mark that outlasts all":       {{"SET", "", "\xa6moving\xc2\xa1a\xa1b\x01\x92\xa7deleted\xcf\x3f\xff\xff\xff\xff\xff\xff\xff\x01\xc2\x01\x01" + far + "\x00\xa0"}},
		"a record of a later format that moves":        {{"SET", "", "\xa6moving\xc2\xa1a\xa1b\x01\xc2\x02\xc2\x01\x01" + far + "\x00\xa0"}},
		"a record that moves nowhere":                  {{"SET", "", "\xa6moving\xc2\xa1a\xa1b\x01\xc2"}},
		"a record that moves for ever":                 {{"SET", "", "\xa6moving\xc2\xa1a\xa1b\xa1c\xc2\x01\xc2\x01\x01" + far + "\x00\xa0"}},
		"a record with an endless mark":                {{"SET", "", "\xa6moving\xc2\xa1a\xa1b\x01\x92\xa7deleted\xa1c\x01\xc2\x01\x01" + far + "\x00\xa0"}},
		"a record without expiry":                      {{"SET", "", "\x01\xc2\x01\x01\x01\x00\xa0"}, {"PERSIST", ""}},
	}
	for kind, commands := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace()
			s := redisstore.New(client, redisstore.WithNamespace(namespace))
			name := namespace + key(1).String()
			for i, words := range commands {
				words = slices.Clone(words)
				words[1] = name
				command(t, client, words...)
				if i == 0 {
					command(t, client, "PEXPIRE", name, "3600000")
				}
			}
			if err := s.Create(t.Context(), key(2), record("a", `1`)); err != nil {
				t.Fatal(err)
			}
			before := dump(t, client, name)

			_, load := s.Load(t.Context(), key(1))
			for what, err := range map[string]error{
				"load":            load,
				"create":          s.Create(t.Context(), key(1), record("a", `1`)),
				"update":          s.Update(t.Context(), key(1), store.Change{Clear: true, Set: state("a", `1`), TTL: time.Minute}),
				"update of a TTL": s.Update(t.Context(), key(1), store.Change{TTL: time.Minute}),
				"with a version":  s.Update(t.Context(), key(1), store.Change{IfVersion: 1}),
				"change key":      s.ChangeKey(t.Context(), key(1), key(3), store.Change{}),
				"change key to":   s.ChangeKey(t.Context(), key(2), key(1), store.Change{}),
			} {
				if !errors.Is(err, store.ErrCorrupt) {
					t.Errorf("%s: %v, want ErrCorrupt", what, err)
				}
			}
			if after := dump(t, client, name); after != before {
				t.Errorf("it is %q now, it was %q", after, before)
			}
			if rec, err := s.Load(t.Context(), key(2)); err != nil || rec.Version != 1 {
				t.Errorf("the record that was to be renewed: version %d, error %v", rec.Version, err)
			}

			if err := s.Delete(t.Context(), key(1)); err != nil {
				t.Errorf("delete: %v", err)
			}
			if _, err := s.Load(t.Context(), key(1)); !errors.Is(err, store.ErrEnded) {
				t.Errorf("load after delete: %v, want ErrEnded", err)
			}
		})
	}
}

// What a record says of its end may be of another clock, where it was brought here
// from another server. It is there as long as its key is.
func TestARecordIsThereAsLongAsItsKeyIs(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	ofItsOwn, _ := nearOfItsOwn(t, rueidis.ClientOption{InitAddress: []string{shared.Get(t).Addr()}},
		redisstore.WithNamespace(newNamespace()), redisstore.WithClientCache(time.Hour))
	for kind, s := range map[string]*redisstore.Store{
		"single":     redisstore.New(client, redisstore.WithNamespace(newNamespace())),
		"cluster":    redisstore.New(client, redisstore.WithNamespace(newNamespace())).AsCluster(),
		"near cache": ofItsOwn,
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			name := s.Namespace() + key(1).String()
			command(t, client, "SET", name, "\x01\xc2\x07\x01\x01\x00\xa0", "PX", "3600000")
			if rec, err := s.Load(t.Context(), key(1)); err != nil || rec.Version != 7 || rec.TTL > time.Hour || rec.TTL < time.Hour-10*time.Second {
				t.Errorf("version %d for %s, error %v", rec.Version, rec.TTL, err)
			}
			if err := s.Update(t.Context(), key(1), store.Change{Set: state("a", `1`)}); err != nil {
				t.Errorf("update: %v", err)
			}
			if err := s.ChangeKey(t.Context(), key(1), key(2), store.Change{TTL: 2 * time.Hour}); err != nil {
				t.Errorf("change key: %v", err)
			}
			if got := shown(s.Load(t.Context(), key(2))); got != "version 9 for 2h: 1" {
				t.Errorf("load: %s", got)
			}
		})
	}
}

// Who sets the time to live of a key by hand makes the record end earlier or later,
// until the next extension.
func TestAnExtensionCountsFromNow(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	s := redisstore.New(client, redisstore.WithNamespace(newNamespace()))
	for n, extend := range []func(from, to store.Key, ch store.Change) error{
		func(from, to store.Key, ch store.Change) error { return s.ChangeKey(t.Context(), from, to, ch) },
		func(from, to store.Key, ch store.Change) error {
			return errors.Join(s.Update(t.Context(), from, ch), s.ChangeKey(t.Context(), from, to, store.Change{}))
		},
	} {
		from, to := key(2*n), key(2*n+1)
		if err := s.Create(t.Context(), from, record("a", `1`)); err != nil {
			t.Fatal(err)
		}
		command(t, client, "PEXPIRE", s.Namespace()+from.String(), "60000")
		if err := extend(from, to, store.Change{TTL: 2 * time.Hour}); err != nil {
			t.Fatal(err)
		}
		rec, err := s.Load(t.Context(), to)
		if err != nil || rec.TTL > 2*time.Hour+time.Second || rec.TTL < 2*time.Hour-10*time.Second {
			t.Errorf("it lives for %s, error %v", rec.TTL, err)
		}
		left, err := command(t, client, "PTTL", s.Namespace()+to.String()).AsInt64()
		if d := time.Duration(left) * time.Millisecond; err != nil || d > 2*time.Hour || d < 2*time.Hour-10*time.Second {
			t.Errorf("its key lives for %s, error %v", d, err)
		}
	}
}

// A record whose state cannot be read is corrupt for what needs the state, and as
// good as any other for what does not.
func TestC9_AStateThatCannotBeReadStaysAsItIs(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	for kind, packed := range map[string]string{
		"text": `{"a":1}`, "a number": "\x01", "an early end": "\x81\xa1a\xa9",
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace()
			s := redisstore.New(client, redisstore.WithNamespace(namespace))
			if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
				t.Fatal(err)
			}
			name := namespace + key(1).String()
			command(t, client, "SET", name, "\x01\xc2\x01\x01"+far+"\x00\xa0"+packed, "KEEPTTL")
			before := dump(t, client, name)
			_, load := s.Load(t.Context(), key(1))
			for what, err := range map[string]error{
				"load":       load,
				"update":     s.Update(t.Context(), key(1), store.Change{Set: state("b", `1`)}),
				"change key": s.ChangeKey(t.Context(), key(1), key(2), store.Change{Remove: []string{"b"}}),
			} {
				if !errors.Is(err, store.ErrCorrupt) {
					t.Errorf("%s: %v, want ErrCorrupt", what, err)
				}
			}
			if after := dump(t, client, name); after != before {
				t.Errorf("it is %q now, it was %q", after, before)
			}
			if err := s.Update(t.Context(), key(1), store.Change{Clear: true, Set: state("b", `1`)}); err != nil {
				t.Errorf("clear: %v", err)
			}
			if rec, err := s.Load(t.Context(), key(1)); err != nil || len(rec.State) != 1 || rec.Version != 2 {
				t.Errorf("after it was cleared: version %d, %d keys, error %v", rec.Version, len(rec.State), err)
			}
		})
	}
}

// dump gives the value of a key and whether it has an expiry of an hour.
func dump(t *testing.T, client rueidis.Client, name string) string {
	t.Helper()
	value, err := command(t, client, "DUMP", name).ToString()
	if err != nil {
		t.Fatalf("dump: %v", err)
	}
	left, err := command(t, client, "PTTL", name).AsInt64()
	if err != nil {
		t.Fatalf("pttl: %v", err)
	}
	return fmt.Sprintf("%x, expires in an hour: %t", value, left > 3_500_000)
}

// Notes that a later version of this package may add do no harm.
func TestANoteThatIsNotKnownIsLeftAlone(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	namespace := newNamespace()
	s := redisstore.New(client, redisstore.WithNamespace(namespace))
	name := namespace + key(1).String()
	command(t, client, "SET", name, "\x01\x81\xa1z\xa5later\x01\x01"+far+"\x00\xa3ada\x81\xa1a\xa11", "PX", "3600000")
	rec, err := s.Load(t.Context(), key(1))
	if err != nil || rec.Subject != "ada" || rec.Version != 1 || rec.CreatedAt.UnixMilli() != 1 || string(rec.State["a"]) != `1` {
		t.Errorf("the record is %+v, error %v", rec, err)
	}
	if err := s.Update(t.Context(), key(1), store.Change{Clear: true}); err != nil {
		t.Fatal(err)
	}
	want := "\x01\x81\xa1z\xa5later\x02\x01" + far + "\x00\xa3ada"
	if got, err := command(t, client, "GET", name).ToString(); err != nil || got != want {
		t.Errorf("it is %q, error %v, want %q", got, err, want)
	}
}

// Whatever is there, plain commands read what the script reads, or leave it to
// the script.
func TestWhatIsReadWithoutAScriptIsWhatTheScriptReads(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	namespace := newNamespace()
	s := redisstore.New(client, redisstore.WithNamespace(namespace))
	name := namespace + key(1).String()
	wholes := []string{
		"\x01\xc2\x07\xcf\x00\x00\x01\x8b\xcf\xe5\x68\x7b" + far + "\xce\x00\x37\xd8\xa0\xa3ada\x82\xa1a\xa11\xa1b\xd9\x022]",
		"\x01\xc2\xcd\x01\x00\xd3\xff\xff\xff\xff\xff\xff\xff\x00" + far + "\x00\xa0",
		"\xa7deleted\xc2", "\xa7renewed\xc2",
		"\xa7renewed\x81\xa1w\xa8abcdefgh",
		"\x01\x82\xa1w\xa8abcdefgh\xa3@ab\xcd\x01\x00\x07\x01" + far + "\x00\xa0\x81\xa1a\xa11",
	}
	random := rand.New(rand.NewPCG(1, 2))
	read, refused := 0, 0
	for round := range 3000 {
		value := []byte(wholes[round%len(wholes)])
		for range random.IntN(3) {
			switch i := random.IntN(len(value)); random.IntN(3) {
			case 0:
				value[i] = byte(random.IntN(256))
			case 1:
				value = slices.Insert(value, i, byte(random.IntN(256)))
			case 2:
				value = append(value[:i:i], value[i+1:]...)
			}
		}
		command(t, client, "SET", name, string(value), "PX", "3600000")
		rec, err := s.Load(t.Context(), key(1))
		byScript, errByScript := s.LoadByScript(t.Context(), key(1))
		rec.TTL, byScript.TTL = 0, 0
		if !errors.Is(err, errByScript) || !reflect.DeepEqual(rec, byScript) {
			t.Fatalf("%q is read as %+v, %v, and by the script as %+v, %v", value, rec, err, byScript, errByScript)
		}
		if err == nil {
			read++
		} else if errors.Is(err, store.ErrCorrupt) {
			refused++
		}
	}
	if read < 500 || refused < 500 {
		t.Errorf("%d were read and %d refused", read, refused)
	}
}

// A record can be read whenever it says that it was created.
func TestTimesThatNoClockShows(t *testing.T) {
	t.Parallel()
	s := redisstore.New(newClient(t, shared.Get(t).Addr()), redisstore.WithNamespace(newNamespace()))
	for n, created := range []time.Time{{}, time.UnixMilli(-1), time.UnixMilli(math.MaxInt64), time.UnixMilli(math.MinInt64)} {
		rec := record()
		rec.CreatedAt = created
		if err := s.Create(t.Context(), key(n), rec); err != nil {
			t.Fatal(err)
		}
		got, err := s.Load(t.Context(), key(n))
		if err != nil || n < 2 && !got.CreatedAt.Equal(created) {
			t.Errorf("created %d: it is read as %d, error %v", created.UnixMilli(), got.CreatedAt.UnixMilli(), err)
		}
	}
}

// Lua cannot take more than some 8000 values apart at once.
func TestManyKeysInOneChange(t *testing.T) {
	t.Parallel()
	const many = 10_001
	s := open(t, redisstore.Connection{URL: shared.Get(t).URL()}, redisstore.WithNamespace(newNamespace()))
	var pairs, names []string
	for i := range many {
		names = append(names, "key-"+strconv.Itoa(i))
		pairs = append(pairs, names[i], strconv.Itoa(i))
	}
	want := record(pairs...)
	want.Version = 1
	if err := s.Create(t.Context(), key(1), want); err != nil {
		t.Fatalf("create: %v", err)
	}
	at := 1
	for _, step := range []struct {
		name string
		ch   store.Change
		to   int
	}{
		{"set", store.Change{Set: want.State, Remove: names}, 1},
		{"set and remove under a new key", store.Change{Set: state("new", `1`), Remove: names[:many-1]}, 2},
		{"set again", store.Change{Set: want.State}, 2},
		{"clear", store.Change{Clear: true, Set: state("last", `1`)}, 2},
	} {
		var err error
		if step.to == at {
			err = s.Update(t.Context(), key(at), step.ch)
		} else {
			err = s.ChangeKey(t.Context(), key(at), key(step.to), step.ch)
		}
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		at, want = step.to, store.Merge(want, step.ch)
		got, err := s.Load(t.Context(), key(at))
		if err != nil || got.Version != want.Version || len(got.State) != len(want.State) {
			t.Fatalf("%s: version %d with %d keys, error %v, want version %d with %d keys",
				step.name, got.Version, len(got.State), err, want.Version, len(want.State))
		}
		for name, text := range want.State {
			if string(got.State[name]) != string(text) {
				t.Fatalf("%s: a value differs", step.name)
			}
		}
	}
}

// Redis at its maxmemory refuses what would grow, whole; what ends a session
// goes through.
func TestAFullRedisRefusesAndKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t, "--maxmemory-policy", "noeviction")
	client := newClient(t, server.Addr())
	s := redisstore.New(client)
	if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
		t.Fatal(err)
	}
	command(t, client, "CONFIG", "SET", "maxmemory", "1")

	for what, err := range map[string]error{
		"create":     s.Create(t.Context(), key(2), record("b", `2`)),
		"update":     s.Update(t.Context(), key(1), store.Change{Clear: true, Set: state("b", `2`)}),
		"change key": s.ChangeKey(t.Context(), key(1), key(3), store.Change{Clear: true}),
	} {
		if !errors.Is(err, store.ErrFull) {
			t.Errorf("%s: %v, want ErrFull", what, err)
		}
	}
	rec, err := s.Load(t.Context(), key(1))
	if err != nil || rec.Version != 1 || string(rec.State["a"]) != `1` {
		t.Errorf("load: version %d with %d keys, error %v; it was to stay as it is", rec.Version, len(rec.State), err)
	}
	if err := s.Delete(t.Context(), key(1)); err != nil {
		t.Errorf("delete: %v", err)
	}
	if _, err := s.Load(t.Context(), key(1)); !errors.Is(err, store.ErrEnded) {
		t.Errorf("load after delete: %v, want ErrEnded", err)
	}
}

// The index of a subject tells nothing of the subject in its name, and goes
// with what is in it.
func TestTheLayoutOfTheIndexOfASubject(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	namespace := newNamespace()
	s := redisstore.New(client, redisstore.WithNamespace(namespace))
	index := namespace + "subject:" + sha1Of("ada")
	entries := func(want ...string) {
		t.Helper()
		got, err := command(t, client, "ZRANGE", index, "0", "-1").AsStrSlice()
		slices.Sort(got)
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("the index holds %v, error %v, want %v", got, err, want)
		}
	}
	rec := record()
	rec.Subject = "ada"
	for n := range 3 {
		if err := s.Create(t.Context(), key(n), rec); err != nil {
			t.Fatal(err)
		}
	}
	entries(key(0).String(), "+"+key(0).String(), key(1).String(), "+"+key(1).String(), key(2).String(), "+"+key(2).String())
	left, err := command(t, client, "PTTL", index).AsInt64()
	if d := time.Duration(left) * time.Millisecond; err != nil || d > 2*time.Hour+time.Minute || d < 2*time.Hour {
		t.Errorf("the index lives for %s, want twice as long as the records, and a minute", d)
	}

	// What ends through this package goes at once; what went otherwise is pruned
	// by who meets it, unless it is new.
	if err := s.Delete(t.Context(), key(0)); err != nil {
		t.Fatal(err)
	}
	command(t, client, "UNLINK", namespace+key(1).String(), namespace+key(2).String())
	command(t, client, "ZREM", index, "+"+key(1).String())
	if all, err := s.ListBySubject(t.Context(), "ada"); err != nil || len(all) != 0 {
		t.Errorf("list by subject: %d, %v", len(all), err)
	}
	entries(key(2).String(), "+"+key(2).String())

	// What is over goes when something comes.
	command(t, client, "ZADD", index, "1", key(2).String(), "1", "+"+key(2).String())
	if err := s.Create(t.Context(), key(4), rec); err != nil {
		t.Fatal(err)
	}
	entries(key(4).String(), "+"+key(4).String())
}

// A record is in the index of who is signed in under the key that it has, and
// nowhere else.
func TestTheIndexOfASubjectFollowsTheRecord(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	namespace := newNamespace()
	s := redisstore.New(client, redisstore.WithNamespace(namespace))
	ada, bob, nobody := "ada", "bob", ""
	rec := record()
	rec.Subject = ada
	for _, step := range []struct {
		name string
		do   func() error
		at   map[string]store.Key
	}{
		{"created", func() error { return s.Create(t.Context(), key(1), rec) }, map[string]store.Key{ada: key(1)}},
		{"renewed", func() error { return s.ChangeKey(t.Context(), key(1), key(2), store.Change{}) }, map[string]store.Key{ada: key(2)}},
		{"written", func() error { return s.Update(t.Context(), key(2), store.Change{Set: state("a", `1`)}) }, map[string]store.Key{ada: key(2)}},
		{"signed in again", func() error { return s.Update(t.Context(), key(2), store.Change{Subject: &ada}) }, map[string]store.Key{ada: key(2)}},
		{"another's", func() error { return s.Update(t.Context(), key(2), store.Change{Subject: &bob}) }, map[string]store.Key{bob: key(2)}},
		{"renewed as another's", func() error { return s.ChangeKey(t.Context(), key(2), key(3), store.Change{Subject: &ada}) }, map[string]store.Key{ada: key(3)}},
		{"nobody's", func() error { return s.Update(t.Context(), key(3), store.Change{Subject: &nobody}) }, nil},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		for _, subject := range []string{ada, bob} {
			var want []string
			if k, ok := step.at[subject]; ok {
				want = []string{"+" + k.String(), k.String()}
			}
			got, err := command(t, client, "ZRANGE", namespace+"subject:"+sha1Of(subject), "0", "-1").AsStrSlice()
			if slices.Sort(got); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: the index of %s holds %v, error %v, want %v", step.name, subject, got, err, want)
			}
		}
	}

	// A session that ends soon does not take the others' index along.
	if err := s.Create(t.Context(), key(4), rec); err != nil {
		t.Fatal(err)
	}
	rec.TTL = time.Minute
	if err := s.Create(t.Context(), key(5), rec); err != nil {
		t.Fatal(err)
	}
	if left, err := command(t, client, "PTTL", namespace+"subject:"+sha1Of(ada)).AsInt64(); err != nil || left < time.Hour.Milliseconds() {
		t.Errorf("the index lives for %d ms, error %v", left, err)
	}
}

func sha1Of(text string) string {
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Who makes a session live longer by hand does not tell the index of its subject;
// what changes its time to live, its subject or its ID next, does.
func TestTheIndexOutlivesARecordThatWasMadeToLiveLongerByHand(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	ada := "ada"
	for name, change := range map[string]func(s *redisstore.Store) (store.Key, error){
		"an extension": func(s *redisstore.Store) (store.Key, error) {
			return key(1), s.Update(t.Context(), key(1), store.Change{TTL: 5 * time.Hour})
		},
		"a sign-in": func(s *redisstore.Store) (store.Key, error) {
			return key(1), s.Update(t.Context(), key(1), store.Change{Subject: &ada})
		},
		"a new ID": func(s *redisstore.Store) (store.Key, error) {
			return key(2), s.ChangeKey(t.Context(), key(1), key(2), store.Change{})
		},
	} {
		s := redisstore.New(client, redisstore.WithNamespace(newNamespace()))
		rec := record("a", `1`)
		rec.Subject, rec.TTL = ada, time.Second
		if err := s.Create(t.Context(), key(1), rec); err != nil {
			t.Fatal(err)
		}
		command(t, client, "PEXPIRE", s.Namespace()+key(1).String(), strconv.FormatInt((10*time.Hour).Milliseconds(), 10))
		at, err := change(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := s.Load(t.Context(), at)
		if err != nil || got.TTL < 4*time.Hour {
			t.Fatalf("%s: it lives for %s, error %v", name, got.TTL, err)
		}
		sum := sha1.Sum([]byte(ada))
		index := s.Namespace() + "subject:" + hex.EncodeToString(sum[:])
		over, err := command(t, client, "ZSCORE", index, at.String()).AsFloat64()
		if err != nil || over < float64(time.Now().Add(got.TTL).UnixMilli()) {
			t.Errorf("%s: the record lives for %s, its entry for %s, error %v", name, got.TTL, time.Until(time.UnixMilli(int64(over))), err)
		}
	}
}

// A load of a single Redis reads the copy of the expiry, and so does not notice at
// once that the key has none any more; what writes does.
func TestALoadNoticesLateThatARecordHasNoExpiry(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	namespace := newNamespace()
	s := redisstore.New(client, redisstore.WithNamespace(namespace))
	name := namespace + key(1).String()
	for expires, want := range map[string]error{far: nil, "\x01": store.ErrCorrupt} {
		command(t, client, "SET", name, "\x01\xc2\x01\x01"+expires+"\x00\xa0")
		if _, err := s.Load(t.Context(), key(1)); !errors.Is(err, want) {
			t.Errorf("load: %v, want %v", err, want)
		}
		if err := s.Update(t.Context(), key(1), store.Change{}); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("update: %v", err)
		}
	}
}
