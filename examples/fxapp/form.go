package main

import (
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// invalid is what a visitor has entered and can correct.
type invalid string

// Error says what to correct.
func (e invalid) Error() string { return string(e) }

// entered gives a field of the form that was posted.
func entered(r *http.Request, field string) (string, error) {
	err := r.ParseForm()
	if err == nil {
		err = r.ParseMultipartForm(largestBody)
	}
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return "", err
	case err != nil && !errors.Is(err, http.ErrNotMultipart):
		return "", invalid("The form cannot be read.")
	}
	text := strings.TrimSpace(r.PostFormValue(field))
	length := utf8.RuneCountInString(text)
	if length < 1 || length > 64 || !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable) {
		return "", invalid("Please enter 1 to 64 printable characters (" + field + ").")
	}
	return text, nil
}

// back is the page that a form was on.
func back(r *http.Request) string {
	switch page := r.PostFormValue("back"); page {
	case "/cart", "/account", "/devices":
		return page
	}
	return "/"
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }
