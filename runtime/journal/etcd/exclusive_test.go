package etcd_test

import (
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/standin-project/standin/runtime/journal/etcd/etcdtest"
	"github.com/standin-project/standin/runtime/journal/journaltest"
)

// Three processes want one lock, while processes and members of the cluster are stopped, killed and come back. Whenever
// one is told that it holds the lock, or that its entry was taken, no other may hold the lock all that while.
func TestNobodyElseActsWhileOneHolds(t *testing.T) {
	if testing.Short() {
		t.Skip("twenty seconds of trouble")
	}
	cluster := etcdtest.Start(t, 3)
	at := address(cluster.Endpoints())
	end := time.Now().Add(20 * time.Second)
	book := &book{}
	contenders := make([]*contender, 3)
	var all sync.WaitGroup
	for i := range contenders {
		c := &contender{t: t, name: i, at: at, book: book}
		contenders[i] = c
		c.process = journaltest.Start(t, at)
		all.Go(func() {
			for time.Now().Before(end) {
				c.turn()
			}
		})
	}
	trouble(cluster, contenders, book, end)
	all.Wait()
	book.check(t)
}

// trouble stops, continues and kills until the end.
func trouble(cluster *etcdtest.Cluster, contenders []*contender, book *book, end time.Time) {
	rng := rand.New(rand.NewPCG(5, 6))
	for time.Now().Before(end) {
		pause := time.Duration(rng.IntN(3000)) * time.Millisecond
		switch n := rng.IntN(3); rng.IntN(8) {
		case 0:
			cluster.Signal(n, syscall.SIGSTOP)
			time.Sleep(pause)
			cluster.Signal(n, syscall.SIGCONT)
		case 1:
			cluster.Kill(n)
			time.Sleep(pause / 4)
			cluster.Run(n)
		case 2:
			leader := cluster.Leader()
			cluster.Signal(leader, syscall.SIGSTOP)
			time.Sleep(pause / 2)
			cluster.Signal(leader, syscall.SIGCONT)
		default:
			contenders[book.holder()].stopFor(pause + time.Second)
		}
	}
}

// contender is one process after the other that wants the lock.
type contender struct {
	t    *testing.T
	name int
	at   string
	book *book

	mu      sync.Mutex
	process *journaltest.Process
}

func (c *contender) stopFor(pause time.Duration) {
	c.mu.Lock()
	p := c.process
	p.Stop()
	c.mu.Unlock()
	time.Sleep(pause)
	p.Continue()
}

// turn tries to lock, uses the lock while it is held, and gives it back.
func (c *contender) turn() {
	got := c.say("lock group")
	if got.answer != "ok" {
		if !strings.Contains(got.answer, "LockedError") {
			c.renew()
		}
		return
	}
	tenure := &tenure{contender: c.name, since: got.until}
	c.book.add(tenure)
	for n := range 100 {
		verb := "held"
		if n%3 == 0 {
			verb = "append now"
		}
		got := c.say(verb)
		if got.answer != "ok" {
			c.book.refuse()
			break
		}
		c.book.note(tenure, got)
	}
	c.renew()
}

// renew ends the process and so frees what it holds.
func (c *contender) renew() {
	c.process.End()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process = journaltest.Start(c.t, c.at)
}

// said is an answer and the time in which it was found.
type said struct {
	answer      string
	from, until time.Time
}

func (c *contender) say(what string) said {
	s := said{from: time.Now()}
	s.answer = c.process.Say("%s", what)
	s.until = time.Now()
	return s
}

// tenure is a time in which one held the lock: from the answer that it had it, to the last question that was answered
// with yes.
type tenure struct {
	contender    int
	since, until time.Time
	uses         []said
}

type book struct {
	mu      sync.Mutex
	all     []*tenure
	refused int // uses of a lock that was lost
}

// holder is who took the lock last.
func (b *book) holder() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.all) == 0 {
		return 0
	}
	return b.all[len(b.all)-1].contender
}

func (b *book) refuse() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused++
}

func (b *book) add(t *tenure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, t)
}

func (b *book) note(t *tenure, s said) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.until = s.from
	t.uses = append(t.uses, s)
}

func (b *book) check(t *testing.T) {
	uses := 0
	for _, one := range b.all {
		uses += len(one.uses)
		for _, other := range b.all {
			for _, s := range one.uses {
				if one != other && s.from.After(other.since) && s.until.Before(other.until) {
					t.Errorf("%d was told yes from %s to %s, while %d held the lock from %s to %s",
						one.contender, s.from, s.until, other.contender, other.since, other.until)
				}
			}
		}
	}
	t.Logf("%d tenures, %d uses, %d refused", len(b.all), uses, b.refused)
	if len(b.all) < 3 || b.refused == 0 {
		t.Error("the lock hardly changed hands, or nobody woke up late: nothing was tried")
	}
}
