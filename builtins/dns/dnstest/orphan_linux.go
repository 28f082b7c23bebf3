package dnstest

import (
	"os/exec"
	"syscall"
)

// endWithUs makes the kernel kill the server if the tests die before their clean-up.
func endWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
