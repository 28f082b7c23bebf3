package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/runtime/durable"
	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

const orders = ".orders"

// Send appends an order to the run's own file of orders: several processes may write it, one at a time.
func (s *Store) Send(_ context.Context, id string, o *plan.Order) error {
	if _, err := s.brief(id); err != nil {
		return err
	}
	f, err := os.OpenFile(s.path(id, orders), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := send(f, o); err != nil {
		return errors.Join(fmt.Errorf("cannot write %s: %w", f.Name(), err), f.Close())
	}
	return errors.Join(f.Close(), durable.SyncDir(s.dir))
}

func send(f *os.File, o *plan.Order) error {
	if err := lockWait(f); err != nil {
		return err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	sent, size := parseOrders(text)
	o.ID, o.Time = len(sent)+1, time.Now()
	line, err := journal.Encode(nil, o)
	if err != nil {
		return err
	}
	if err := f.Truncate(size); err != nil { // what a sender that crashed has left
		return err
	}
	if _, err := f.WriteAt(append(line, '\n'), size); err != nil {
		return errors.Join(err, f.Truncate(size))
	}
	return unix.Fdatasync(int(f.Fd()))
}

// parseOrders reads orders up to the end or the first torn one, and says how many bytes they take.
func parseOrders(text []byte) (sent []plan.Order, size int64) {
	for {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		var o plan.Order
		if !whole || !journal.Decode(line, &o) {
			return sent, size
		}
		sent, size, text = append(sent, o), size+int64(len(line))+1, rest
	}
}

// Orders gives the orders with an ID above after.
func (s *Store) Orders(_ context.Context, id string, after int) ([]plan.Order, error) {
	text, err := os.ReadFile(s.path(id, orders))
	if errors.Is(err, fs.ErrNotExist) {
		f, err := s.open(id, os.O_RDONLY)
		if err != nil {
			return nil, err
		}
		return nil, f.Close()
	}
	if err != nil {
		return nil, err
	}
	sent, _ := parseOrders(text)
	return sent[min(max(after, 0), len(sent)):], nil
}
