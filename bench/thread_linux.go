package main

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// ownThread makes the sleeps of a goroutine that has an OS thread to itself end
// when they are to: by default Linux lets 50 µs pass to wake several at once.
func ownThread() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) }

// sleepUntil sleeps in the kernel. The runtime's own sleep ends up to a
// millisecond late, as its thread waits for I/O in whole ones.
func sleepUntil(due time.Time) {
	for d := time.Until(due); d > 0; d = time.Until(due) {
		t := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&t, nil) // a signal may end it before
	}
}

// othersTime is how long all other threads of the process compute while f does.
func othersTime(f func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := computed(unix.RUSAGE_SELF) - computed(unix.RUSAGE_THREAD)
	f()
	return computed(unix.RUSAGE_SELF) - computed(unix.RUSAGE_THREAD) - begin
}

func computed(who int) time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(who, &u) // both are there
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
