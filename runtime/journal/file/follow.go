package file

import (
	"bufio"
	"context"
	"io"
	"os"
	"time"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

// glance is how often a journal that is followed is looked at.
const glance = 50 * time.Millisecond

// Follow reads a journal as it grows.
func (s *Store) Follow(ctx context.Context, id string, after int, each func(plan.Entry) error) error {
	f, err := s.open(id, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	r := &follower{f: f, after: after, each: each}
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		alive, err := locked(f) // before reading, so that the last entries of one that goes away are seen
		if err != nil {
			return err
		}
		if err := r.read(); err != nil {
			return err
		}
		if r.ended && !alive {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

type follower struct {
	f     *os.File
	at    int64 // bytes read
	seq   int   // of the last entry read
	after int
	each  func(plan.Entry) error
	ended bool // the last entry was an end
	doubt bool // something whole stood after what cannot be read
}

// read passes on the entries that have come. One that is torn is read again later: it is being written, or whoever
// takes the run over drops it.
func (r *follower) read() error {
	in := bufio.NewReaderSize(io.NewSectionReader(r.f, r.at, 1<<62), bufferSize)
	for torn := false; ; {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		e, whole := decode(line)
		if !whole {
			torn = true
			continue
		}
		if torn || e.Seq != r.seq+1 {
			if !r.doubt { // the run may be taken over this instant: look again
				r.doubt = true
				return nil
			}
			return &journal.DamagedError{Where: r.f.Name(), Seq: r.seq + 1}
		}
		r.doubt = false
		r.at, r.seq, r.ended = r.at+int64(len(line)), e.Seq, e.Kind == plan.KindEnd
		if e.Seq > r.after {
			if err := r.each(e); err != nil {
				return err
			}
		}
	}
}
