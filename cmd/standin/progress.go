package main

import "fmt"

// progress shows how far a mirror has come: a line that is written over on a terminal, one line at the end elsewhere.
func (a *app) progress(p mirrorProgress) {
	if a.quiet || a.json {
		return
	}
	what := fmt.Sprintf("mirror %d of %q %s → %s", p.Number, p.Set, p.Source, p.Target)
	if p.Running() {
		if !a.terminal(a.stderr) {
			return
		}
		fmt.Fprintf(a.stderr, "\r\x1b[K%s: %s %s", what, p.State, bar(p.Bytes, p.TotalBytes))
		return
	}
	if a.terminal(a.stderr) {
		fmt.Fprint(a.stderr, "\r\x1b[K")
	}
	if p.Error != "" {
		fmt.Fprintf(a.stderr, "%s: %s\n", what, a.hidden().Redact(p.Error))
		return
	}
	fmt.Fprintf(a.stderr, "%s: complete, %d files and %d bytes sent of %d files, %d orphans removed\n", what, p.Files, p.Bytes, p.TotalFiles, p.Removed)
}

// bar draws 30 cells of progress and the percentage.
func bar(done, total int64) string {
	const cells = 30
	if total <= 0 {
		return ""
	}
	share := min(float64(done)/float64(total), 1)
	full := int(share * cells)
	b := make([]rune, cells)
	for i := range b {
		b[i] = '░'
		if i < full {
			b[i] = '█'
		}
	}
	return fmt.Sprintf("%s %3.0f %%", string(b), share*100)
}
