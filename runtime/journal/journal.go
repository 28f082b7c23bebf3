// Package journal keeps the journals of runs in files: one a run, one checksummed entry a line.
package journal

import (
	"bufio"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/runtime/durable"
	"github.com/standin-project/standin/runtime/plan"
)

// Store is a folder of journals.
type Store struct{ dir string }

// Open gives the store in dir; it is made when the first run is written.
func Open(dir string) *Store { return &Store{dir} }

const ending = ".journal"

// ErrNoRun says that the store has no run of that id.
var ErrNoRun = errors.New("no such run")

// Create begins a run's journal with its header; the run exists from then on. The file stays locked while the run's
// process lives, so that another process can tell a running run from one that was killed.
func (s *Store) Create(h *plan.Header) (*File, error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	f, err := s.take(h)
	if err != nil {
		return nil, err
	}
	j := &File{f: f}
	if err := j.begin(h); err != nil {
		// A run exists only from its first durable entry.
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return j, nil
}

// begin locks the journal and makes its header and its name durable.
func (j *File) begin(h *plan.Header) error {
	if err := unix.Flock(int(j.f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return err
	}
	if err := j.Append(&plan.Entry{Kind: plan.KindRun, Header: h, Started: time.Now()}, true); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(j.f.Name()))
}

// take makes the run's file and so decides its id: the second run of one moment gets the next name.
func (s *Store) take(h *plan.Header) (*os.File, error) {
	base := time.Now().UTC().Format("20060102-150405")
	for n := 1; ; n++ {
		h.ID = base
		if n > 1 {
			h.ID += "-" + strconv.Itoa(n)
		}
		f, err := os.OpenFile(filepath.Join(s.dir, h.ID+ending), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// Fingerprint is what a journal keeps of a secret: enough to tell later whether it is the same, and nothing to whoever
// has only the journal. Its key is a file of the store, made by the first secret.
func (s *Store) Fingerprint(secret string) (string, error) {
	key, err := s.key()
	if err != nil {
		return "", fmt.Errorf("cannot use the key of the journals: %w", err)
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte(secret)) //nolint:errcheck // a hash never fails
	return "hmac-sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

const keySize = 32

func (s *Store) key() ([]byte, error) {
	path := filepath.Join(s.dir, "key")
	key, err := os.ReadFile(path)
	switch {
	case err == nil && len(key) == keySize:
		return key, nil
	case err == nil:
		return nil, fmt.Errorf("%q: got %d bytes, want %d", path, len(key), keySize)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	key = make([]byte, keySize)
	rand.Read(key) //nolint:errcheck // it never fails
	return key, durable.WriteFile(path, key, 0o600)
}

// File is the journal of a running run.
type File struct {
	mu  sync.Mutex
	f   *os.File
	seq int
	buf []byte
	err error // once a write has failed nothing more is written: the tail may be torn
}

var _ plan.Journal = (*File)(nil)

// checksum is CRC-32C; its table is made at the first use, not when the program starts.
func checksum(body []byte) uint32 { return crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) }

// Append writes one entry; with sync it and all before it are durable on return.
func (j *File) Append(e *plan.Entry, sync bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	j.seq++
	e.Seq = j.seq
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	j.buf = fmt.Appendf(j.buf[:0], "%08x ", checksum(body))
	j.buf = append(append(j.buf, body...), '\n')
	if _, j.err = j.f.Write(j.buf); j.err == nil && sync {
		j.err = unix.Fdatasync(int(j.f.Fd()))
	}
	return j.err
}

// Close ends the journal; the run's last entry should be of KindEnd.
func (j *File) Close() error { return j.f.Close() }

// Run is one run as its journal tells it.
type Run struct {
	plan.Header
	State   plan.State
	Started time.Time
	Ended   time.Time // zero while it has not ended
	Entries []plan.Entry
	// Torn is true when the last entry was cut off; it is not in Entries.
	Torn bool
}

// List gives all runs, oldest first, without their entries.
func (s *Store) List() ([]*Run, error) {
	names, err := filepath.Glob(filepath.Join(s.dir, "*"+ending))
	if err != nil {
		return nil, err
	}
	var runs []*Run
	for _, name := range names {
		r, err := s.Load(strings.TrimSuffix(filepath.Base(name), ending))
		if errors.Is(err, ErrNoRun) {
			continue // created by another process this instant, or its header never became durable
		}
		if err != nil {
			return nil, err
		}
		r.Entries = nil
		runs = append(runs, r)
	}
	sort.SliceStable(runs, func(a, b int) bool { return runs[a].Started.Before(runs[b].Started) })
	return runs, nil
}

// Load reads one run.
func (s *Store) Load(id string) (*Run, error) {
	if id != filepath.Base(id) {
		return nil, fmt.Errorf("%q: %w", id, ErrNoRun)
	}
	f, err := os.Open(filepath.Join(s.dir, id+ending))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%q: %w", id, ErrNoRun)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	r.settle(alive(f))
	return r, nil
}

// alive says whether the process that writes the journal still holds its lock.
func alive(f *os.File) bool {
	if unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil {
		return true
	}
	unix.Flock(int(f.Fd()), unix.LOCK_UN) //nolint:errcheck // closing the file gives the lock back in any case
	return false
}

// read reads entries up to the end or the first torn one.
func read(f io.Reader) (*Run, error) {
	r := &Run{}
	in := bufio.NewReaderSize(f, 1<<16)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			r.Torn = len(line) > 0
			break
		}
		if err != nil {
			return nil, err
		}
		e, ok := decode(line)
		if !ok {
			r.Torn = true
			break
		}
		if e.Header != nil {
			r.Header, r.Started = *e.Header, e.Started
		}
		r.Entries = append(r.Entries, e)
	}
	if r.ID == "" {
		return nil, ErrNoRun
	}
	return r, nil
}

func decode(line []byte) (plan.Entry, bool) {
	var e plan.Entry
	if len(line) < 10 || line[8] != ' ' {
		return e, false
	}
	sum, err := strconv.ParseUint(string(line[:8]), 16, 32)
	body := line[9 : len(line)-1]
	if err != nil || checksum(body) != uint32(sum) {
		return e, false
	}
	return e, json.Unmarshal(body, &e) == nil
}

// settle derives the run's state from its entries: one without an end waits, runs or, its process gone, is stopped.
func (r *Run) settle(alive bool) {
	last := r.Entries[len(r.Entries)-1]
	switch {
	case last.Kind == plan.KindEnd:
		r.State, r.Ended = plan.State(last.State), last.Ended
	case r.asks():
		r.State = plan.Waiting // the question outlives the process that asked it
	case !alive:
		r.State = plan.Stopped
	default:
		r.State = plan.Running
	}
}

// asks says whether a question stands open; other branches may have gone on after it.
func (r *Run) asks() bool {
	open := map[string]bool{}
	for _, e := range r.Entries {
		if e.Kind == plan.KindAsk {
			open[e.Place] = e.State == "asked"
		}
	}
	return slices.Contains(slices.Collect(maps.Values(open)), true)
}
