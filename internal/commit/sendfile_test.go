package commit_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fxsession/sessions/internal/commit"
)

// TestB4_ServeFileKeepsItsSendfilePath shows that a file reaches the ReadFrom
// below as the very reader that the caller had: net/http recognises it by its
// type and leaves the copying to the kernel.
func TestB4_ServeFileKeepsItsSendfilePath(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "page.txt")
	content := strings.Repeat("0123456789", 10_000)
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()

	t.Run("ReadFrom", func(t *testing.T) {
		d := newDiary()
		var c commit.Writer
		if _, err := c.Wrap(belowWith(d, 0b10000), &hooks{}).(io.ReaderFrom).ReadFrom(file); err != nil {
			t.Fatal(err)
		}
		if d.src != file {
			t.Errorf("ReadFrom got a %T, want the file itself", d.src)
		}
	})
	t.Run("http.ServeFile", func(t *testing.T) {
		d := newDiary()
		var c commit.Writer
		http.ServeFile(c.Wrap(belowWith(d, 0b10000), &hooks{}), httptest.NewRequest("GET", "/", nil), name)
		limited, ok := d.src.(*io.LimitedReader)
		if !ok {
			t.Fatalf("ReadFrom got a %T, want an *io.LimitedReader", d.src)
		}
		if _, ok := limited.R.(*os.File); !ok {
			t.Errorf("ReadFrom got a %T limited, want an *os.File", limited.R)
		}
	})
	t.Run("the whole file arrives", func(t *testing.T) {
		overEach(t, func(t *testing.T, proto string) {
			at := open(t, proto, &hooks{}, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, name) })
			a := at.ask(t, "GET")
			at.sent(t, a)
			if a.body != content {
				t.Errorf("%d bytes arrived, want %d", len(a.body), len(content))
			}
		})
	})
}
