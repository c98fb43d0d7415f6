package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// What happens to sessions is counted, and how long the store takes; nobody's
// name or cookie is there.
func TestMetrics(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, environment []string) {
		shop := open(t, environment...).url
		v := signedIn(t, shop, "ada", chromeOnLinux)
		v.status(shop+"/cart", url.Values{"item": {"tea"}})
		signedIn(t, shop, "ada", "").wantRevoked(shop, "revoke-others", "1")
		res, text := v.do(shop+"/metrics", "text/plain", nil)
		if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
			t.Errorf("%s, %v", res.Status, res.Header)
		}
		expectSecured(t, res)
		expect(t, "metrics", text,
			`session_events_total{event="signed in"} 2`+"\n",
			`session_events_total{event="revoked"} 1`+"\n",
			`session_store_operation_duration_seconds_count{operation="create",outcome="ok"} 2`+"\n",
			`session_store_operation_duration_seconds_count{operation="update",outcome="ok"} `,
		)
		for _, private := range []string{"ada", "tea", "Chrome"} {
			if strings.Contains(text, private) {
				t.Errorf("%q is among the metrics\n%s", private, text)
			}
		}
	})
}
