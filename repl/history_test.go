package repl

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestHistoryIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "history")
	h := openHistory(path)
	for _, entry := range []string{"WRITE 1;", "WRITE 1;", "IF (1) THEN\n  WRITE 2;\nEND", "", "WRITE 1;"} {
		if err := h.add(entry); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"WRITE 1;", "IF (1) THEN\n  WRITE 2;\nEND", "WRITE 1;"}
	if !slices.Equal(h.entries, want) {
		t.Errorf("this session has %q, want %q", h.entries, want)
	}
	if again := openHistory(path); !slices.Equal(again.entries, want) {
		t.Errorf("the next session has %q, want %q", again.entries, want)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v, want 0600", info.Mode(), err)
	}
}

func TestHistoryOfOthersIsClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	if err := os.WriteFile(path, []byte("WRITE 1;\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	openHistory(path)
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, want 0600", info.Mode())
	}
}

func TestHistoryIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	var long strings.Builder
	for i := range maxHistory + 10 {
		fmt.Fprintf(&long, "WRITE %d;\n", i)
	}
	if err := os.WriteFile(path, []byte(long.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	h := openHistory(path)
	if len(h.entries) != maxHistory || h.entries[0] != "WRITE 10;" {
		t.Errorf("got %d entries from %q on", len(h.entries), h.entries[0])
	}
	if err := h.add("the last"); err != nil {
		t.Fatal(err)
	}
	if len(h.entries) != maxHistory || h.entries[0] != "WRITE 11;" {
		t.Errorf("after one more: got %d entries from %q on", len(h.entries), h.entries[0])
	}
	if text, _ := os.ReadFile(path); strings.Count(string(text), "\n") != maxHistory+1 {
		t.Errorf("the file has %d lines, want the %d kept and the new one", strings.Count(string(text), "\n"), maxHistory)
	}
}

func TestHistoryThatCannotBeKept(t *testing.T) {
	h := openHistory(t.TempDir()) // a folder is no file
	if err := h.add("WRITE 1;"); err == nil {
		t.Error("got no error")
	}
	if len(h.entries) != 1 {
		t.Error("the session itself forgot")
	}
}
