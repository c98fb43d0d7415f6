package main

import (
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/debug"
)

// machine is where a run took place.
type machine struct {
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	Platform  string `json:"platform"`
	Go        string `json:"go"`
	Redis     string `json:"redis"`
}

func thisMachine() machine {
	return machine{
		Processor: firstMatch(textOf("/proc/cpuinfo"), `(?m)^model name\s*:\s*(.+)$`),
		Cores:     runtime.NumCPU(),
		Platform:  runtime.GOOS + "/" + runtime.GOARCH,
		Go:        runtime.Version(),
		Redis:     firstMatch(outputOf("redis-server", "--version"), `v=(\S+)`),
	}
}

// versions gives that of each module whose figures are shown.
func versions() map[string]string {
	all := map[string]string{}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return all
	}
	shown := map[string]bool{
		"github.com/alexedwards/scs/redisstore": true, "github.com/alexedwards/scs/goredisstore": true,
		"github.com/gomodule/redigo": true, "github.com/redis/go-redis/v9": true, "github.com/boj/redistore": true,
		"github.com/gin-gonic/gin": true, "github.com/gofiber/storage/redis/v3": true, "github.com/valyala/fasthttp": true,
	}
	for _, l := range libraries() {
		shown[l.Module] = true
	}
	for _, m := range info.Deps {
		if shown[m.Path] {
			all[m.Path] = m.Version
		}
	}
	if _, ok := all[oursModule]; ok {
		all[oursModule] = "this tree"
	}
	return all
}

// textOf is the text of a file, "" where there is none.
func textOf(file string) string {
	text, _ := os.ReadFile(file)
	return string(text)
}

func outputOf(program string, args ...string) string {
	out, _ := exec.Command(program, args...).Output()
	return string(out)
}

func firstMatch(text, pattern string) string {
	if m := regexp.MustCompile(pattern).FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}
