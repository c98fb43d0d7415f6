//go:build !linux

package main

import "time"

func ownThread() {}

func sleepUntil(due time.Time) { time.Sleep(time.Until(due)) }

// othersTime does not know: the control computes nothing.
func othersTime(f func()) time.Duration {
	f()
	return 0
}
