package commit

import (
	"net/http"
	"strings"
)

// own holds the headers by which a handler describes, or acts through, its own
// response. Others, such as a request's id or those of CORS, may well come from
// further out and belong to any response.
var own = map[string]bool{
	"Accept-Ranges":       true,
	"Age":                 true,
	"Cache-Control":       true,
	"Clear-Site-Data":     true,
	"Content-Digest":      true,
	"Content-Disposition": true,
	"Content-Encoding":    true,
	"Content-Language":    true,
	"Content-Length":      true,
	"Content-Location":    true,
	"Content-Range":       true,
	"Content-Type":        true,
	"Etag":                true,
	"Expires":             true,
	"Last-Modified":       true,
	"Link":                true,
	"Location":            true,
	"Pragma":              true,
	"Refresh":             true,
	"Repr-Digest":         true,
	"Retry-After":         true,
	"Set-Cookie":          true,
	"Trailer":             true,
	"Transfer-Encoding":   true,

	// Servers in front send the file that these name in the place of the
	// response.
	"X-Accel-Redirect":     true,
	"X-Lighttpd-Send-File": true,
	"X-Sendfile":           true,
}

// isOwn says whether a header is of own, or one of those of htmx, by which a
// response acts on the page, or of those for the caches of a CDN.
func isOwn(name string) bool {
	name = http.CanonicalHeaderKey(name)
	return own[name] || strings.HasPrefix(name, "Hx-") || OverrulesCacheControl(name)
}

// OverrulesCacheControl says whether some caches take the word of the header for
// that of Cache-Control: it is targeted (RFC 9213), or older than that. name is
// canonical.
func OverrulesCacheControl(name string) bool {
	return strings.HasSuffix(name, "-Cache-Control") || name == "Surrogate-Control" || name == "X-Accel-Expires"
}

// RemoveOwn removes from h what a handler said about its own response, its
// trailers included, so that another one can be sent.
func RemoveOwn(h http.Header) {
	for _, names := range h["Trailer"] {
		for name := range strings.SplitSeq(names, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for name := range h {
		if isOwn(name) || strings.HasPrefix(name, http.TrailerPrefix) {
			delete(h, name)
		}
	}
}
