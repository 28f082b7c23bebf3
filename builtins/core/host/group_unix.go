//go:build unix

package host

import (
	"os/exec"
	"syscall"
)

// killGroup gives cmd a process group of its own that is killed as a whole.
func killGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
