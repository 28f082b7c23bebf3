// Command standin runs, plans and checks runbooks that fail applications over between sites and back.
package main

import "os"

func main() {
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.Getenv}
	os.Exit(a.main(os.Args))
}
