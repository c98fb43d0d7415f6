package main

import (
	"fmt"
	"html/template"
	"time"
)

// words are what the pages can say.
var words = template.FuncMap{
	"icon":   iconOf,
	"ago":    func(t time.Time) string { return ago(time.Now(), t) },
	"stamp":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"moment": moment,
}

// iconOf names the picture of an item.
func iconOf(item string) string {
	for _, known := range newCatalogue() {
		if item == known {
			return item
		}
	}
	return "thing"
}

// moment is a time for people.
func moment(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// ago says how long before now t was.
func ago(now, t time.Time) string {
	count := func(n time.Duration, one string) string {
		if n == 1 {
			return "1 " + one + " ago"
		}
		return fmt.Sprintf("%d %ss ago", n, one)
	}
	switch d := now.Sub(t); {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return count(d/time.Minute, "minute")
	case d < 24*time.Hour:
		return count(d/time.Hour, "hour")
	case d < 14*24*time.Hour:
		return count(d/(24*time.Hour), "day")
	}
	return t.UTC().Format("on 2 January 2006")
}
