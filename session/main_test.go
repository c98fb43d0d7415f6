package session_test

import (
	"fmt"
	"io"
	"log"
	"os"
	"testing"

	"github.com/fxsession/sessions/internal/testbackends"
	"github.com/fxsession/sessions/internal/testserver"
)

func TestMain(m *testing.M) {
	code := testbackends.Main(m)
	if code == 0 {
		if err := testserver.Leaks(); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines are left:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// quiet is for servers whose handlers break off on purpose.
var quiet = log.New(io.Discard, "", 0)
