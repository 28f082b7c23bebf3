package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/minio/highwayhash"

	"github.com/standin-project/standin/builtins/core"
	"github.com/standin-project/standin/builtins/directory"
)

// manifest is a tree as one text a path, made without any code of the mirror: the demo must not believe itself.
type manifest map[string]string

// survey reads a tree.
func survey(root string) (manifest, error) {
	m := manifest{}
	links := map[[2]uint64]string{} // the first path of each file that has several
	buf := make([]byte, 256<<10)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		line := fmt.Sprintf("%v %d:%d", info.Mode(), st.Uid, st.Gid)
		switch {
		case info.Mode().IsRegular():
			sum, err := sumFile(path, buf)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %d %s %d", info.Size(), sum, info.ModTime().UnixNano())
			if st.Nlink > 1 {
				key := [2]uint64{uint64(st.Dev), st.Ino}
				if _, ok := links[key]; !ok {
					links[key] = name
				}
				line += " one with " + links[key]
			}
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " → " + to
		}
		m[name] = line
		return nil
	})
	return m, err
}

func sumFile(path string, buf []byte) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h, err := highwayhash.New(make([]byte, highwayhash.Size)) // four times as fast as SHA-256, and nobody attacks a demo
	if err != nil {
		return "", err
	}
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{f}, buf); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// differences names every path that is not the same in both.
func (m manifest) differences(other manifest) []string {
	var diffs []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if other[name] != m[name] {
			diffs = append(diffs, fmt.Sprintf("%q: want %s, got %s", name, m[name], orNothing(other[name])))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(other)) {
		if _, ok := m[name]; !ok {
			diffs = append(diffs, fmt.Sprintf("%q: want nothing, got %s", name, other[name]))
		}
	}
	return diffs
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// bytes is the size of all files, those with several names counted once a name.
func (d *demoRun) bytes(side string) (n int64, err error) {
	err = filepath.WalkDir(d.stores(side), func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			info, ierr := e.Info()
			if ierr != nil {
				return ierr
			}
			n += info.Size()
		}
		return err
	})
	return n, err
}

// note remembers the DNS records and the mailboxes' servers, to compare with at the end.
func (d *demoRun) note(ctx context.Context) error {
	return d.onSite(ctx, func(s *site) (err error) {
		d.records, d.boxes, err = d.look(ctx, s)
		fmt.Fprintf(d.stderr, "%d records, %d mailboxes\n", len(d.records), len(d.boxes))
		return err
	})
}

// look reads every DNS record and where every mailbox lives.
func (d *demoRun) look(ctx context.Context, s *site) (records, boxes map[string]string, err error) {
	records, boxes = map[string]string{}, map[string]string{}
	zones, err := s.showDNS(ctx)
	if err != nil {
		return nil, nil, err
	}
	for server, state := range zones {
		for zone, v := range state.(map[string]any) {
			list, _ := v.([]any) // the serials are no records
			for _, record := range list {
				line := fmt.Sprint(server, zone, record)
				records[line] = line
			}
		}
	}
	ad, err := s.directories.get(s.file.Exchange.Directory)
	if err != nil {
		return nil, nil, err
	}
	info, err := ad.Info(ctx)
	if err != nil {
		return nil, nil, err
	}
	q := directory.Query{Base: info.Default, Scope: directory.Subtree, Filter: "(&(homeMDB=*)(mailNickname=*))",
		Attrs: []string{"homeMDB", "homeMTA", "msExchHomeServerName"}}
	err = ad.Search(ctx, q, func(e *directory.Entry) error {
		boxes[e.DN] = strings.Join([]string{e.Get("homeMDB"), e.Get("homeMTA"), e.Get("msExchHomeServerName")}, " | ")
		return nil
	})
	return records, boxes, err
}

// clients prints what a client would see: where names lead, who answers there, and where mailboxes live.
func (d *demoRun) clients(ctx context.Context) error {
	return d.onSite(ctx, func(s *site) error {
		host, err := s.systems.Core.Host("")
		if err != nil {
			return err
		}
		for _, name := range []string{"exch1.mydomain.com", "webmail.mydomain.com", "mail.mydomain.com"} {
			a, err := host.Probe(ctx, core.Probe{Host: name, Kind: core.TCP, Port: 25, Expect: "220"})
			if err != nil {
				return err
			}
			fmt.Fprintf(d.stderr, "  %-22s → %-10s answers: %v (%s)\n", name, a.Address, a.Answered, a.Detail)
		}
		_, boxes, err := d.look(ctx, s)
		if err != nil {
			return err
		}
		servers := map[string]int{}
		for _, b := range boxes {
			servers[b[strings.LastIndex(b, "cn=")+3:]]++
		}
		for _, server := range slices.Sorted(maps.Keys(servers)) {
			fmt.Fprintf(d.stderr, "  %d mailboxes on %s\n", servers[server], server)
		}
		for _, name := range s.clusters.names {
			c, err := s.clusters.get(name)
			if err != nil {
				return err
			}
			m, err := c.State(ctx)
			if err != nil {
				return err
			}
			for _, g := range m.Groups {
				fmt.Fprintf(d.stderr, "  cluster %s: %q is %s on %s\n", name, g.Name, m.GroupState(g.Name), g.Owner)
			}
		}
		return nil
	})
}

// verify compares both sides' files with what the users last left, and the records and mailboxes with what they were.
func (d *demoRun) verify(ctx context.Context) (string, error) {
	var problems []error
	for _, side := range []string{"east", "west"} {
		problems = append(problems, d.same(side))
	}
	size, err := d.bytes("east")
	if err != nil {
		return "", err
	}
	err = d.onSite(ctx, func(s *site) error {
		records, boxes, err := d.look(ctx, s)
		if err != nil {
			return err
		}
		if diffs := manifest(d.records).differences(manifest(records)); len(diffs) > 0 {
			problems = append(problems, fmt.Errorf("DNS: %d differences, the first: %s", len(diffs), diffs[0]))
		}
		if diffs := manifest(d.boxes).differences(manifest(boxes)); len(diffs) > 0 {
			problems = append(problems, fmt.Errorf("mailboxes: %d differences, the first: %s", len(diffs), diffs[0]))
		}
		return nil
	})
	files := 0
	for _, line := range d.expected {
		if line[0] == '-' {
			files++
		}
	}
	return fmt.Sprintf("%d files, %d bytes, %d records, %d mailboxes", files, size, len(d.records), len(d.boxes)), errors.Join(append(problems, err)...)
}
