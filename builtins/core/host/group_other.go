//go:build !unix

package host

import "os/exec"

// killGroup leaves cmd as it is: without process groups only the program itself is killed.
func killGroup(*exec.Cmd) {}
