package commit_test

import (
	"net/http"
	"testing"

	"github.com/fxsession/sessions/internal/commit"
	"github.com/fxsession/sessions/internal/testkit"
)

// request is all that the writer does for one request.
func request(c *commit.Writer, below http.ResponseWriter, body []byte) {
	w := c.Wrap(below, nothing{})
	w.Write(body)
	w.(http.Flusher).Flush()
	_ = c.Commit()
	c.Close()
}

// flushingSink is a writer below that allocates nothing.
type flushingSink struct{ testkit.Sink }

func (flushingSink) Flush() {}

// TestTheWriterItselfIsTheOnlyAllocation is not parallel: it counts those of
// the whole process.
func TestTheWriterItselfIsTheOnlyAllocation(t *testing.T) {
	var below http.ResponseWriter = flushingSink{testkit.Sink{}}
	body := []byte("hello")
	got := testing.AllocsPerRun(1000, func() { request(new(commit.Writer), below, body) })
	if got > 1 {
		t.Errorf("a request makes %v allocations, want one, the Writer", got)
	}
}

func BenchmarkRequest(b *testing.B) {
	var below http.ResponseWriter = flushingSink{testkit.Sink{}}
	body := []byte("hello")
	b.ReportAllocs()
	for b.Loop() {
		request(new(commit.Writer), below, body)
	}
}
