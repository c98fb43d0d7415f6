package main

import "strings"

// mark is a text that user agents have, and what it stands for.
type mark struct{ text, name string }

// The first that is there counts: most browsers name others as well.
var (
	browsers = []mark{
		{"Edg", "Edge"},
		{"OPR/", "Opera"},
		{"SamsungBrowser/", "Samsung Internet"},
		{"Vivaldi/", "Vivaldi"},
		{"Firefox/", "Firefox"},
		{"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"},
		{"Chrome/", "Chrome"}, // HeadlessChrome too
		{"Safari/", "Safari"},
	}
	systems = []mark{
		{"iPhone", "iPhone"},
		{"iPad", "iPad"},
		{"Android", "Android"},
		{"Windows", "Windows"},
		{"CrOS", "ChromeOS"},
		{"Mac OS X", "macOS"},
		{"Linux", "Linux"},
	}
)

// describe says in words which browser, or which program, sends a user agent,
// and names the picture for it. What is unknown stays unknown: user agents are
// whatever a client says, and at most 256 bytes of it.
func describe(agent string) (name, icon string) {
	browser, system := first(browsers, agent), first(systems, agent)
	switch system {
	case "iPhone", "iPad", "Android":
		icon = "phone"
	default:
		icon = "desktop"
	}
	switch {
	case browser != "" && system != "":
		return browser + " on " + system, icon
	case browser != "":
		return browser, icon
	case system != "":
		return "A browser on " + system, icon
	}
	if program, _, ok := strings.Cut(agent, "/"); ok && len(program) <= 24 && isToken(program) && program != "Mozilla" {
		return program, "program" // such as curl
	}
	return "An unknown browser", icon
}

func first(marks []mark, agent string) string {
	for _, m := range marks {
		if strings.Contains(agent, m.text) {
			return m.name
		}
	}
	return ""
}

// isToken says whether text is a name of letters, digits and a few signs.
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	})
}
