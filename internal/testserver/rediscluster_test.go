//go:build unix

package testserver_test

import (
	"strings"
	"testing"

	"github.com/fxsession/sessions/internal/testserver"
)

// slotOfFoo is the slot of the key foo.
const slotOfFoo = 12182

func TestAClusterServesEverySlotThroughMovesAndFailOvers(t *testing.T) {
	t.Parallel()
	c := testserver.NewRedisCluster(t)
	must := func(answer string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	must(c.Master(slotOfFoo).Command("SET", "foo", "1"))
	before := c.Master(slotOfFoo)
	c.FailOver(slotOfFoo)
	c.Await()
	after := c.Master(slotOfFoo)
	if after.Addr() == before.Addr() || must(after.Command("GET", "foo")) != "1" {
		t.Error("the replica is not the master, or has not what the master had")
	}
	other := c.Master(0)
	c.MoveSlot(slotOfFoo, other)
	c.Await()
	if c.Master(slotOfFoo).Addr() != other.Addr() || must(other.Command("GET", "foo")) != "1" {
		t.Error("the slot has not moved with what is in it")
	}
	if _, err := after.Command("GET", "foo"); err == nil || !strings.HasPrefix(err.Error(), "GET foo: MOVED") {
		t.Errorf("the former master answers %v", err)
	}
	// A master that is gone is replaced.
	other.Kill()
	replaced := c.Replaced(0, other)
	other.Start()
	c.Await()
	if got := must(replaced.Command("GET", "foo")); got != "1" {
		t.Errorf("foo is %q", got)
	}
}
