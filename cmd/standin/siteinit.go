package main

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"

	"github.com/standin-project/standin/scripts"
)

// maxUsers is how many mailboxes a new embedded site may have.
const maxUsers = 1_000_000

// siteInit writes a new embedded site to dir: all of it or nothing.
func (a *app) siteInit(dir string, users int) error {
	if users < 0 || users > maxUsers {
		return wrong("", "--users: got %d, want 0 to %d", users, maxUsers)
	}
	names, err := os.ReadDir(dir)
	there := err == nil
	switch {
	case dir == "":
		return wrong(siteUsage, "site init: the name of the folder is empty")
	case there && len(names) > 0:
		return wrong("name a new or an empty folder", "cannot make a site in %q: it is not empty", dir)
	case !there && !errors.Is(err, fs.ErrNotExist):
		return wrong("name a new or an empty folder", "cannot make a site in %q: %v", dir, cause(err))
	}
	if err := placeSite(filepath.Clean(dir), there, users); err != nil {
		return fmt.Errorf("cannot make a site in %q: %w", dir, err)
	}
	if a.json {
		return a.encode(map[string]any{"site": dir, "users": users})
	}
	fmt.Fprintf(a.stderr, "site with %d mailboxes made in %s; next: standin --site %s do CLUSTER east GROUP \"Exchange Group\" ONLINE\n", users, dir, dir)
	return nil
}

// placeSite builds a site aside and renames it into its place, so that a full disk leaves nothing half made. A folder
// that is there stays: it may be a mount, a link or where the user stands.
func placeSite(dir string, there bool, users int) error {
	aside := dir
	if !there {
		aside = filepath.Dir(dir)
		if err := os.MkdirAll(aside, 0o755); err != nil {
			return cause(err)
		}
	}
	building, err := os.MkdirTemp(aside, ".standin-site-")
	if err != nil {
		return cause(err)
	}
	defer os.RemoveAll(building)
	if err := buildSite(building, users); err != nil {
		return err
	}
	if !there {
		return os.Rename(building, dir)
	}
	parts, err := os.ReadDir(building)
	if err != nil {
		return err
	}
	place := func(name string) error {
		return os.Rename(filepath.Join(building, name), filepath.Join(dir, name))
	}
	for _, p := range parts {
		if p.Name() == siteName {
			continue
		}
		if err := place(p.Name()); err != nil {
			return err
		}
	}
	return place(siteName) // last: without it the folder is no site
}

// freshSite is the site file of a new embedded site.
func freshSite() *siteFile {
	s := &siteFile{Runs: "runs"}
	s.Defaults.Source, s.Defaults.Target = "east", "west"
	volumes := map[string]string{"E:": "E"}
	s.Agents = map[string]agentEntry{
		"east": {Driver: "embedded", Folder: "east", Addresses: []string{"10.1.0.5"}, Volumes: volumes},
		"west": {Driver: "embedded", Folder: "west", Addresses: []string{"10.1.1.9"}, Volumes: volumes},
	}
	s.Clusters = map[string]clusterEntry{
		"east": {Driver: "embedded", State: "clusters/east.json", Agent: "east"},
		"west": {Driver: "embedded", State: "clusters/west.json", Agent: "west"},
	}
	s.DNS = map[string]dnsEntry{"dns1": {Driver: "embedded", Folder: "dns1"}}
	s.Directories = map[string]directoryEntry{"ad": {Driver: "embedded", Folder: "ad"}}
	s.Exchange.Directory = "ad"
	s.Exchange.Servers = map[string]exchangeServer{
		"EXCH1": {Cluster: "east", Group: "Exchange Group", Agent: "east"},
		"EXCH2": {Cluster: "west", Group: "Exchange Group", Agent: "west"},
	}
	return s
}

const siteHead = `# The site: which systems there are and which driver reaches each. Scripts name systems, never drivers.
# Paths are relative to this file. The embedded drivers live in the process that uses them and keep their state here.

`

func buildSite(dir string, users int) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	s := freshSite()
	if err := initSystems(s, dir, users); err != nil {
		return err
	}
	for _, node := range []string{"east1", "east2", "west1", "west2"} {
		if err := nodeScripts(filepath.Join(dir, "scripts", node)); err != nil {
			return err
		}
	}
	if err := mailStores(filepath.Join(dir, "east", "E"), "EXCH1", users); err != nil {
		return err
	}
	if err := mailStores(filepath.Join(dir, "west", "E"), "EXCH2", 0); err != nil {
		return err
	}
	text, err := toml.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, siteName), append([]byte(siteHead), text...), 0o644)
}

// nodeScripts gives a node its own copies of the scripts that its Source Connection runs.
func nodeScripts(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"online.dtcl", "offline.dtcl"} {
		text, err := scripts.FS.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mailStores writes the files of a mail server with that many mailboxes below a volume: databases, logs, queues. They
// are the same for the same server and number, and different on each server, as two installations are.
func mailStores(volume, server string, users int) error {
	root := filepath.Join(volume, "Exchsrvr")
	const page = 4096
	files := []struct {
		path string
		size int
	}{
		{"MDBDATA/priv1.edb", page * (16 + users/2)}, {"MDBDATA/priv1.stm", page * (4 + users/8)},
		{"MDBDATA/pub1.edb", page * 16}, {"MDBDATA/pub1.stm", page * 4},
		{"MDBDATA/E00.log", page * 64}, {"MDBDATA/E00.chk", page * 2},
		{"Second Storage Group/sales.edb", page * (16 + users/2)}, {"Second Storage Group/sales.stm", page * (4 + users/8)},
		{"Second Storage Group/E01.log", page * 64}, {"Second Storage Group/E01.chk", page * 2},
		{"MTADATA/DB000001.DAT", page}, {"MTADATA/MTACHECK.OUT", 100},
		{"MAILROOT/vsi 1/Queue/NTFS_0001.EML", 3000}, {"MAILROOT/vsi 1/BadMail/.keep", 0}, {"MAILROOT/vsi 1/PickUp/.keep", 0},
	}
	for _, f := range files {
		path := filepath.Join(root, filepath.FromSlash(f.path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, noise(server+f.path, f.size), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// noise gives size bytes that look like data and are always the same for the same name.
func noise(name string, size int) []byte {
	h := fnv.New64a()
	h.Write([]byte(name)) //nolint:errcheck // a hash never fails
	r := rand.NewPCG(h.Sum64(), 1)
	b := make([]byte, 0, size+8)
	for len(b) < size {
		v := r.Uint64()
		b = append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24), byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56))
	}
	return b[:size]
}
