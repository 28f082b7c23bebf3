package repl

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

// maxHistory is how many entries are kept.
const maxHistory = 1000

// history is what was said, the oldest first, in this session and those before: one entry a line of the file, which
// only its owner can read. Several sessions may add to one file.
type history struct {
	path    string // "" keeps it in memory only
	entries []string
}

// openHistory reads the file; one that cannot be read is as good as none, and adding to it will tell.
func openHistory(path string) *history {
	h := &history{path: path}
	text, err := os.ReadFile(path)
	if path == "" || err != nil {
		return h
	}
	os.Chmod(path, 0o600) //nolint:errcheck // made by us it is so already
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimRight(line, "\n"); line != "" {
			h.entries = append(h.entries, manyLines(line))
		}
	}
	if extra := len(h.entries) - maxHistory; extra > 0 {
		h.entries = h.entries[extra:]
		kept := make([]string, len(h.entries))
		for i, entry := range h.entries {
			kept[i] = oneLine(entry) + "\n"
		}
		renameio.WriteFile(path, []byte(strings.Join(kept, "")), 0o600) //nolint:errcheck // a long file is no harm
	}
	return h
}

// add remembers an entry, unless it is the last one again.
func (h *history) add(entry string) error {
	if n := len(h.entries); entry == "" || n > 0 && h.entries[n-1] == entry {
		return nil
	}
	h.entries = append(h.entries, entry)
	if extra := len(h.entries) - maxHistory; extra > 0 {
		h.entries = h.entries[extra:]
	}
	if h.path == "" {
		return nil
	}
	f, err := h.file()
	if err != nil {
		return err
	}
	_, err = f.WriteString(oneLine(entry) + "\n")
	return errors.Join(err, f.Close())
}

func (h *history) file() (*os.File, error) {
	const flags = os.O_APPEND | os.O_CREATE | os.O_WRONLY
	f, err := os.OpenFile(h.path, flags, 0o600)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(h.path, flags, 0o600)
}
