package file

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

const (
	bufferSize = 1 << 16
	// tailSize is how much of a journal's end is looked at for its last entry: an end is a few hundred bytes.
	tailSize = 4 << 10
)

// text is what can be read of a journal.
type text struct {
	entries []plan.Entry
	// whole is how many of them stand before the first that cannot be read, and size how many bytes they take.
	whole int
	size  int64
	// torn says that something cannot be read.
	torn bool
	// intentLost says that what cannot be read had been durable: an intent stands after it, and intents are synced.
	intentLost bool
}

// scan reads a journal. Usually what cannot be read is its last entry, cut off by a crash; entries after it are damage.
func scan(in *bufio.Reader) (*text, error) {
	t := &text{}
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			t.torn = t.torn || len(line) > 0
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		e, whole := decode(line)
		if !whole {
			t.torn = true
			if e, whole = within(line); !whole {
				continue
			}
		}
		t.torn = t.torn || len(t.entries) > 0 && e.Seq != t.entries[len(t.entries)-1].Seq+1
		t.entries = append(t.entries, e)
		if !t.torn {
			t.whole++
			t.size += int64(len(line))
		}
		t.intentLost = t.intentLost || t.torn && e.Kind == plan.KindIntent
	}
}

func decode(line []byte) (plan.Entry, bool) {
	var e plan.Entry
	return e, journal.Decode(bytes.TrimSuffix(line, []byte("\n")), &e)
}

// within finds the entry that ends a line of which the beginning cannot be read: when what is damaged is the newline
// between two entries, the second is whole.
func within(line []byte) (plan.Entry, bool) {
	const sum = 9 // bytes before an entry's JSON
	for at := sum; at <= len(line); at++ {
		next := bytes.Index(line[at:], []byte(`{"seq":`))
		if next < 0 {
			return plan.Entry{}, false
		}
		at += next
		if e, whole := decode(line[at-sum:]); whole {
			return e, true
		}
	}
	return plan.Entry{}, false
}

// run is the run that a journal's text tells.
func (t *text) run(alive bool) (*journal.Run, error) {
	r, err := journal.NewRun(t.entries, alive)
	if err != nil {
		return nil, err
	}
	r.Damaged = len(t.entries) > t.whole
	r.Torn = t.torn && !r.Damaged
	return r, nil
}

// heading is a run's first entry without the texts of its files, which are most of it.
type heading struct {
	Started time.Time `json:"started_time"`
	Header  *struct {
		plan.Header
		Texts struct{} `json:"texts"` // shadows the header's: what it holds is passed over
	} `json:"run"`
}

// bothEnds gives the first and the last entry of a run that has ended, and nil when the whole journal must be read.
func bothEnds(f *os.File) []plan.Entry {
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	from := max(0, info.Size()-tailSize)
	tail, err := io.ReadAll(io.NewSectionReader(f, from, tailSize))
	if err != nil {
		return nil
	}
	tail, ended := bytes.CutSuffix(tail, []byte("\n"))
	var last plan.Entry
	cut := bytes.LastIndexByte(tail, '\n')
	if !ended || cut < 0 || !journal.Decode(tail[cut+1:], &last) || last.Kind != plan.KindEnd {
		return nil
	}
	line, err := bufio.NewReader(io.NewSectionReader(f, 0, info.Size())).ReadBytes('\n')
	var first heading
	if err != nil || !journal.Decode(line[:len(line)-1], &first) || first.Header == nil {
		return nil
	}
	return []plan.Entry{{Seq: 1, Kind: plan.KindRun, Header: &first.Header.Header, Started: first.Started}, last}
}

// restore makes a journal end after its first size bytes, durably. They are written anew: when the last process could
// not sync them, they may be in memory only, and the kernel tells of that once.
func restore(f *os.File, size int64) error {
	if err := f.Truncate(size); err != nil {
		return err
	}
	whole := make([]byte, size)
	if _, err := f.ReadAt(whole, 0); err != nil {
		return err
	}
	if _, err := f.WriteAt(whole, 0); err != nil {
		return err
	}
	if err := unix.Fdatasync(int(f.Fd())); err != nil {
		return err
	}
	_, err := f.Seek(size, io.SeekStart)
	return err
}
