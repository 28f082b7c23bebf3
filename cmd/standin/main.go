// Command standin runs, plans and checks runbooks that fail applications over between sites and back.
package main

import (
	"os"
	"runtime/debug"
)

func main() {
	if os.Getenv("GOGC") == "" {
		// A run's heap is a few megabytes, and most of what the VM makes dies at once: collecting less often makes loops half
		// again as fast.
		debug.SetGCPercent(400)
	}
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.LookupEnv}
	defer a.crash()
	os.Exit(a.main(os.Args))
}
