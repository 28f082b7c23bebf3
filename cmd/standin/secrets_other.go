//go:build !linux

package main

import "golang.org/x/sys/unix"

// keepMemory keeps what the process has in memory out of core files.
func keepMemory() {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_CORE, &limit) == nil {
		limit.Cur = 0
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &limit)
	}
}
