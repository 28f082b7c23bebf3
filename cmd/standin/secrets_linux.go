package main

import "golang.org/x/sys/unix"

// keepMemory keeps what the process has in memory out of core files, and out of the reach of other programs of the same
// user: a core that is piped to a program is written whatever its size limit says, but not of a process that is not
// dumpable. The programs that EXEC runs begin with a core limit of 0, too.
func keepMemory() {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_CORE, &limit) == nil {
		limit.Cur = 0
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &limit)
	}
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
