package redisstore_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

func TestOpenReachesRedisByEveryKindOfURL(t *testing.T) {
	t.Parallel()
	server := shared.Get(t)
	for _, url := range []string{
		server.URL(),
		server.URL() + "/0",
		"unix://" + server.Socket(),
		"unix://" + server.Socket() + "?db=0",
	} {
		s := open(t, redisstore.Connection{URL: url}, redisstore.WithNamespace(newNamespace()))
		if err := s.Ping(t.Context()); err != nil {
			t.Errorf("ping: %v", err)
		}
		if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
			t.Errorf("create: %v", err)
		}
	}
}

func TestOpenUsesTheDatabaseOfTheURL(t *testing.T) {
	t.Parallel()
	server := shared.Get(t)
	namespace := redisstore.WithNamespace(newNamespace())
	for _, at := range []struct {
		url  string
		want error
	}{
		{server.URL() + "/3", nil},
		{"unix://" + server.Socket() + "?db=3", store.ErrDuplicateKey},
		{server.URL() + "/4", nil},
	} {
		s := open(t, redisstore.Connection{URL: at.url}, namespace)
		if err := s.Create(t.Context(), key(1), record()); !errors.Is(err, at.want) {
			t.Errorf("create at %s: %v, want %v", at.url, err, at.want)
		}
	}
	s := open(t, redisstore.Connection{URL: server.URL()}, namespace)
	if _, err := s.Load(t.Context(), key(1)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("load from database 0: %v, want ErrNotFound", err)
	}
}

func TestOpenSignsInAndNeverTellsThePassword(t *testing.T) {
	t.Parallel()
	const password, wrong = "s3cret/of#the@server", "wr0ng-secret"
	server := testserver.Redis(t, "--requirepass", password,
		"--user", "app", "on", ">"+password, "~*", "+@all", "--user", "default", "on", ">"+password, "~*", "&*", "+@all")
	const escaped = "s3cret%2Fof%23the%40server"
	good := map[string]redisstore.Connection{
		"in the URL":              {URL: "redis://:" + escaped + "@" + server.Addr()},
		"user in the URL":         {URL: "redis://app:" + escaped + "@" + server.Addr()},
		"in the settings":         {URL: server.URL(), Password: password},
		"user in the settings":    {URL: server.URL(), Username: "app", Password: password},
		"settings before the URL": {URL: "redis://other:" + wrong + "@" + server.Addr(), Username: "app", Password: password},
		"socket":                  {URL: "unix://app:" + escaped + "@" + server.Socket()},
	}
	for name, c := range good {
		s := open(t, c)
		if err := s.Ping(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := map[string]redisstore.Connection{
		"no password":  {URL: server.URL()},
		"wrong in URL": {URL: "redis://app:" + wrong + "@" + server.Addr()},
		"wrong":        {URL: server.URL(), Password: wrong},
	}
	for name, c := range bad {
		_, err := redisstore.Open(t.Context(), c)
		if err == nil {
			t.Fatalf("%s: no error", name)
		}
		if strings.Contains(err.Error(), wrong) || !strings.Contains(err.Error(), server.Addr()) {
			t.Errorf("%s: the error must name the address and not the password: %v", name, err)
		}
	}
}

func TestOpenRefusesABadURLWithoutTellingIt(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"",
		"hunter2",
		"redis://",
		"unix://",
		"http://:hunter2@localhost",
		"hunter2://localhost",
		"redis://:hunter2#x@localhost",
		"redis://:12hunter2@localhost:hunter2",
		"redis://:6379#hunter2@localhost",
		"redis://:6379?hunter2@localhost",
		"redis://:6379/hunter2@localhost",
		"redis://:hunter2/x@localhost",
		"redis://:hunter2%zz@localhost",
		"redis://localhost/hunter2",
		"redis://localhost/1/hunter2",
		"redis://localhost?db=hunter2",
		"redis://localhost?addr=hunter2",
		"redis://localhost?addr=hunter2@localhost:1",
		"redis://localhost?master_set=a&master_set=hunter2",
		"unix:///tmp/redis.sock?addr=hunter2:1",
		"unix:///tmp/redis.sock?db=hunter2",
	} {
		c := redisstore.Connection{URL: url}
		_, err := redisstore.Open(t.Context(), c)
		if err == nil {
			t.Fatalf("%q: no error", url)
		}
		if early := c.Validate(); early == nil || early.Error() != err.Error() {
			t.Errorf("%q: Validate says %v", url, early)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error tells a part of it: %v", url, err)
		}
		if !strings.Contains(err.Error(), "redis://[user[:password]@]host") {
			t.Errorf("%q: the error does not say what is allowed: %v", url, err)
		}
	}
}

func TestOpenSaysWhichAddressIsAbsent(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	server.Stop()
	for address, c := range map[string]redisstore.Connection{
		server.Addr():   {URL: "redis://app:hunter2@" + server.Addr()},
		server.Socket(): {URL: "unix://app:hunter2@" + server.Socket()},
	} {
		_, err := redisstore.Open(t.Context(), c)
		if err == nil || !strings.Contains(err.Error(), address) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error must name the address %s and not the password: %v", address, err)
		}
	}
}

// A server that hangs accepts connections, as its system does so for it.
func TestOpenGivesUpOnAServerThatHangs(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	server.Pause()
	impatient, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for name, attempt := range map[string]struct {
		ctx         context.Context
		dialTimeout time.Duration
	}{
		"by its timeout": {context.Background(), 100 * time.Millisecond},
		"by its context": {impatient, tooLate}, // the client that is still being made ends with the server
	} {
		err := testkit.Receive(t, name, testkit.Begin(func() error {
			_, err := redisstore.Open(attempt.ctx, redisstore.Connection{URL: server.URL(), DialTimeout: attempt.dialTimeout, IOTimeout: tooLate})
			return err
		}))
		if err == nil || !strings.Contains(err.Error(), server.Addr()) {
			t.Errorf("%s: the error must name the address: %v", name, err)
		}
	}
}

func TestOpenWithAContextThatIsDone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := redisstore.Open(ctx, redisstore.Connection{URL: shared.Get(t).URL()}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestCloseEndsAClientOfOneItsOwnAndNoOther(t *testing.T) {
	t.Parallel()
	server := shared.Get(t)
	client := newClient(t, server.Addr())
	s := redisstore.New(client, redisstore.WithNamespace(newNamespace()))
	if err := store.New(s).Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("the application's client was closed: %v", err)
	}

	own := store.New(open(t, redisstore.Connection{URL: server.URL()}))
	for range 2 {
		if err := own.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if err := own.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("ping after close: %v, want ErrUnavailable", err)
	}
}

func TestAStoreWithoutAClientSaysSo(t *testing.T) {
	t.Parallel()
	for name, err := range everyOperation(t.Context(), redisstore.New(nil)) {
		if err == nil || !strings.Contains(err.Error(), "without a client") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// everyOperation calls what reaches out to Redis, on a key that has no record.
func everyOperation(ctx context.Context, s store.Backend) map[string]error {
	_, load := s.Load(ctx, key(1))
	return map[string]error{
		"load":       load,
		"update":     s.Update(ctx, key(1), store.Change{}),
		"change key": s.ChangeKey(ctx, key(1), key(2), store.Change{}),
		"delete":     s.Delete(ctx, key(1)),
		"create":     s.Create(ctx, key(1), record()),
		"ping":       s.(store.Pinger).Ping(ctx),
	}
}

func TestOpenOverTLS(t *testing.T) {
	t.Parallel()
	files := newCertificates(t)
	address := tlsInFrontOf(t, shared.Get(t).Addr(), files)
	_, port, _ := net.SplitHostPort(address)
	good := redisstore.TLS{CAFile: files.ca, CertFile: files.cert, KeyFile: files.key}
	for name, c := range map[string]redisstore.Connection{
		"rediss":                   {URL: "rediss://localhost:" + port, TLS: &good},
		"redis with TLS turned on": {URL: "redis://localhost:" + port, TLS: &good},
		"an address with a name": {URL: "rediss://127.0.0.1:" + port, TLS: &redisstore.TLS{
			CAFile: files.ca, CertFile: files.cert, KeyFile: files.key, ServerName: "localhost",
		}},
	} {
		if err := open(t, c).Ping(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]redisstore.Connection{
		"an authority that is not known": {URL: "rediss://localhost:" + port},
		"no certificate":                 {URL: "rediss://localhost:" + port, TLS: &redisstore.TLS{CAFile: files.ca}},
		"another name":                   {URL: "rediss://127.0.0.1:" + port, TLS: &good},
		"no TLS":                         {URL: "redis://localhost:" + port, DialTimeout: 200 * time.Millisecond},
		"no such file":                   {URL: "rediss://localhost:" + port, TLS: &redisstore.TLS{CAFile: files.ca + "x"}},
		"no certificate in the file":     {URL: "rediss://localhost:" + port, TLS: &redisstore.TLS{CAFile: files.key}},
		"a certificate without its key":  {URL: "rediss://localhost:" + port, TLS: &redisstore.TLS{CertFile: files.cert}},
		"a socket":                       {URL: "unix:///tmp/redis.sock", TLS: &good},
	} {
		if s, err := redisstore.Open(t.Context(), c); err == nil {
			_ = s.Close()
			t.Errorf("%s: no error", name)
		}
	}
}

// certificates are the files of an authority and of one certificate that it
// gave to localhost, which serves both sides here.
type certificates struct{ ca, cert, key string }

func newCertificates(t *testing.T) certificates {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		must(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	ca, err := x509.CreateCertificate(rand.Reader, authority, authority, &private.PublicKey, private)
	must(err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, leaf, authority, &private.PublicKey, private)
	must(err)
	key, err := x509.MarshalECPrivateKey(private)
	must(err)
	return certificates{
		ca:   write("ca.pem", "CERTIFICATE", ca),
		cert: write("cert.pem", "CERTIFICATE", cert),
		key:  write("key.pem", "EC PRIVATE KEY", key),
	}
}

// tlsInFrontOf speaks TLS, and wants a certificate of the client, for a server
// that does not. It returns its address.
func tlsInFrontOf(t *testing.T, target string, files certificates) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(files.cert, files.key)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(files.ca)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	})
	if err != nil {
		t.Fatal(err)
	}
	var tasks sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); tasks.Wait() })
	tasks.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				_ = client.Close()
				continue
			}
			join := func(to, from net.Conn) {
				_, _ = io.Copy(to, from)
				_ = to.Close()
				_ = from.Close()
			}
			tasks.Go(func() { join(client, server) })
			tasks.Go(func() { join(server, client) })
		}
	})
	return listener.Addr().String()
}

const rightsOfAUser = "on >secret ~session:* -@all +hello +ping +eval +evalsha +time " +
	"+get +mget +set +pttl +pexpire " +
	"+zadd +zrem +zscore +zrange +zremrangebyscore"

// The rights of docs/redis.md are all that it takes.
func TestAUserWithFewRightsIsEnough(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/redis.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{"`+role`", "`+select`"} {
		if !strings.Contains(string(guide), more) {
			t.Errorf("docs/redis.md does not say %s", more)
		}
	}
	if words := strings.Join(strings.Fields(string(guide)), " "); !strings.Contains(words, strings.Replace(rightsOfAUser, ">secret", ">PASSWORD", 1)) {
		t.Error("the rights in docs/redis.md are others")
	}
	server := testserver.Redis(t, append([]string{"--user", "app"}, strings.Fields(rightsOfAUser)...)...)
	s := open(t, redisstore.Connection{URL: server.URL(), Username: "app", Password: "secret"})
	subject := "ada"
	ch := store.Change{Clear: true, Set: state("b", `2`), Remove: []string{"a"}, Subject: &subject, TTL: time.Hour}
	_, load := s.Load(t.Context(), key(9))
	if !errors.Is(load, store.ErrNotFound) {
		t.Errorf("load of nothing: %v", load)
	}
	for name, err := range map[string]error{
		"ping":         s.Ping(t.Context()),
		"create":       s.Create(t.Context(), key(1), record("a", `1`)),
		"update":       s.Update(t.Context(), key(1), ch),
		"change key":   s.ChangeKey(t.Context(), key(1), key(2), ch),
		"list":         second(s.ListBySubject(t.Context(), "ada")),
		"delete":       s.Delete(t.Context(), key(2)),
		"create again": s.Create(t.Context(), key(2), record("a", `1`)),
		"list none":    second(s.ListBySubject(t.Context(), "ada")),
		"delete none":  second(s.DeleteBySubject(t.Context(), "ada")),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Load(t.Context(), key(2)); err != nil {
		t.Errorf("load: %v", err)
	}
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{server.Addr()}, Username: "app", Password: "secret", DisableCache: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	admin := newClient(t, server.Addr())
	command(t, admin, "ACL", "LOG", "RESET") // of what the client has tried in its greeting
	shared := redisstore.New(client)
	joined, send := shared.Gather(t.Context())
	amongOthers := testkit.Begin(func() error { return second(shared.Load(t.Context(), key(2))) })
	awaitJoined(t, joined, 1)
	send()
	if err := testkit.Receive(t, "a load among others", amongOthers); err != nil {
		t.Errorf("load among others: %v", err)
	}
	if denied, err := command(t, admin, "ACL", "LOG").ToArray(); err != nil || len(denied) > 0 {
		t.Errorf("%d commands of a batch were denied, error %v", len(denied), err)
	}
	// A database in the URL takes one right more.
	inTwo := redisstore.Connection{URL: server.URL() + "/2", Username: "app", Password: "secret"}
	if other, err := redisstore.Open(t.Context(), inTwo); err == nil {
		_ = other.Close()
		t.Error("a database was selected without the right")
	}
	command(t, admin, "ACL", "SETUSER", "app", "+select")
	if err := open(t, inTwo).Create(t.Context(), key(1), record()); err != nil {
		t.Errorf("create in database 2: %v", err)
	}

	// What a user may not read is not taken for something that is no record.
	command(t, admin, "ACL", "SETUSER", "app", "-get")
	for name, err := range map[string]error{
		"load":   second(s.Load(t.Context(), key(2))),
		"update": s.Update(t.Context(), key(2), store.Change{Set: state("b", `2`)}),
		"delete": s.Delete(t.Context(), key(2)),
	} {
		if err == nil || errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s without the right to read: %v", name, err)
		}
	}
	command(t, admin, "ACL", "SETUSER", "app", "+get")
	other := open(t, redisstore.Connection{URL: server.URL(), Username: "app", Password: "secret"}, redisstore.WithNamespace("other:"))
	if err := other.Create(t.Context(), key(1), record("a", `1`)); err == nil || errors.Is(err, store.ErrCorrupt) {
		t.Errorf("create where the user has no right: %v", err)
	}
}

// second drops what came beside an error.
func second[T any](_ T, err error) error { return err }

// So are those that docs/redis.md adds for a cluster and for the near cache.
func TestAUserWithFewRightsIsEnoughOnAClusterWithANearCache(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/redis.md")
	if err != nil {
		t.Fatal(err)
	}
	rights := strings.Fields(rightsOfAUser)
	for _, more := range []string{"+cluster|slots +cluster|shards +asking +unlink", "+client|tracking +client|caching +multi +exec"} {
		if !strings.Contains(string(guide), "`"+more+"`") {
			t.Errorf("docs/redis.md does not say %s", more)
		}
		rights = append(rights, strings.Fields(more)...)
	}
	c := sharedCluster.Get(t)
	for _, node := range c.Nodes {
		if _, err := node.Command(append([]string{"ACL", "SETUSER", "few"}, rights...)...); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, redisstore.Connection{URL: c.URL(), Username: "few", Password: "secret"}, redisstore.WithClientCache(time.Minute))
	rec, unique := record("a", `1`), store.Key{9, 9, 9}
	rec.Subject = "few"
	if err := s.Create(t.Context(), unique, rec); err != nil {
		t.Fatalf("create: %v", err)
	}
	for n := range 20 {
		next := store.Key{9, 9, 9, byte(n + 1)}
		if err := s.ChangeKey(t.Context(), unique, next, store.Change{TTL: time.Hour}); err != nil {
			t.Fatalf("change key: %v", err)
		}
		unique = next
		if _, err := s.Load(t.Context(), unique); err != nil {
			t.Fatalf("load: %v", err)
		}
	}
	if n, err := s.DeleteBySubject(t.Context(), "few"); n != 1 || err != nil {
		t.Errorf("delete by subject: %d, %v", n, err)
	}
}
