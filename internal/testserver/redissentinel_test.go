//go:build unix

package testserver_test

import (
	"testing"

	"github.com/fxsession/sessions/internal/testserver"
)

func TestSentinelsReplaceAMasterThatIsGone(t *testing.T) {
	t.Parallel()
	s := testserver.NewRedisSentinel(t)
	first := s.Master()
	mustAsk(t, first.Addr(), "SET foo 1", "+OK")
	first.AwaitReplicas(2)
	first.Kill()
	s.Replaced(first)
	first.Start()
	s.Await()
	mustAsk(t, s.Master().Addr(), "GET foo", "$1")
}
