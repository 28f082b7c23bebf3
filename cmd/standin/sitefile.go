package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/rules"
)

// siteFile is standin.toml: it names the systems and their drivers. Paths are relative to the file.
type siteFile struct {
	Defaults struct {
		Source string `toml:"source"`
		Target string `toml:"target"`
		// Witness is an agent at a third place, which looks for a site that does not answer.
		Witness string `toml:"witness,omitempty"`
	} `toml:"defaults"`
	Runs        string                    `toml:"runs"`            // folder of the journals
	Store       *storeEntry               `toml:"store,omitempty"` // nil: that folder
	Agents      map[string]agentEntry     `toml:"agents"`
	Clusters    map[string]clusterEntry   `toml:"clusters"`
	DNS         map[string]dnsEntry       `toml:"dns"`
	Directories map[string]directoryEntry `toml:"directories"`
	Exchange    exchangeEntry             `toml:"exchange"`
	Places      placeTable                `toml:"places,omitempty"` // networks and domains of each place, for ready

	Rules []rules.Spec `toml:"rules,omitempty"` // the site's own safety rules

	conditions []*rules.Condition // those rules, ready to be asked
	overrides  plan.Overrides     // those that this call overrides

	path string // of the file
	dir  string // that holds it
}

type agentEntry struct {
	Driver    string            `toml:"driver"`
	Folder    string            `toml:"folder"`
	Addresses []string          `toml:"addresses"`
	Volumes   map[string]string `toml:"volumes"`
}

type clusterEntry struct {
	Driver string `toml:"driver"`
	State  string `toml:"state"`
	Agent  string `toml:"agent"` // that runs on its nodes; "" is the one of the cluster's name
}

type dnsEntry struct {
	Driver    string   `toml:"driver"`
	Folder    string   `toml:"folder,omitempty"`
	Servers   []string `toml:"servers,omitempty"`
	Zones     []string `toml:"zones,omitempty"`
	TSIG      string   `toml:"tsig_name,omitempty"`
	Secret    string   `toml:"tsig_secret_file,omitempty"`
	Algorithm string   `toml:"tsig_algorithm,omitempty"`
}

type directoryEntry struct {
	Driver   string `toml:"driver"`
	Folder   string `toml:"folder,omitempty"`
	URL      string `toml:"url,omitempty"`
	Base     string `toml:"base,omitempty"`
	User     string `toml:"user,omitempty"`
	Password string `toml:"password_file,omitempty"`
	CA       string `toml:"ca_file,omitempty"`
	Notes    string `toml:"notes,omitempty"` // folder of the failovers' records, reachable from both sites
	StartTLS bool   `toml:"starttls,omitempty"`
}

// exchangeEntry says which directory holds the organisation and which cluster group each server is.
type exchangeEntry struct {
	Directory string                    `toml:"directory"`
	Servers   map[string]exchangeServer `toml:"servers"`
}

type exchangeServer struct {
	Cluster string `toml:"cluster"`
	Group   string `toml:"group"`
	Agent   string `toml:"agent"`
}

const siteName = "standin.toml"

// errNoSite says that no site file was named or found.
var errNoSite = wrong(siteHint, "no site file found")

const siteHint = "standin site init DIR makes one; name it with --site DIR or STANDIN_SITE=DIR"

// findSite gives the path of the site file: --site, $STANDIN_SITE, standin.toml here, /etc/standin/standin.toml.
func (a *app) findSite() (string, error) {
	named := a.site
	if named == "" {
		named = a.getenv("STANDIN_SITE")
	}
	if named != "" {
		if info, err := os.Stat(named); err == nil && info.IsDir() {
			named = filepath.Join(named, siteName)
		}
		return named, nil
	}
	for _, p := range []string{siteName, filepath.Join("/etc/standin", siteName)} {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	return "", errNoSite
}

// loadSite reads the site file; every mistake in it is a wrong call that names file and place.
func (a *app) loadSite() (*siteFile, error) {
	path, err := a.findSite()
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, wrong("standin site init DIR makes one", "cannot open the site file %q: it does not exist", path)
		}
		return nil, wrong("", "cannot open the site file: %v", err)
	}
	defer f.Close()
	s := &siteFile{}
	dec := toml.NewDecoder(f)
	dec.DisallowUnknownFields()
	if err := dec.Decode(s); err != nil {
		return nil, wrong("", "cannot read the site file %q: %s", path, tomlError(err))
	}
	if err := s.validate(path); err != nil {
		return nil, err
	}
	if err := a.compileRules(s, path); err != nil {
		return nil, err
	}
	if s.overrides, err = a.over.accept(s); err != nil {
		return nil, err
	}
	if s.path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	s.dir = filepath.Dir(s.path)
	if s.Runs == "" {
		s.Runs = "runs"
	}
	return s, nil
}

// validate tests what the decoder cannot: that every system names a driver there is.
func (s *siteFile) validate(path string) error {
	driver := func(kind, name, got string, want ...string) error {
		if slices.Contains(want, got) {
			return nil
		}
		return wrong("the drivers of a "+kind+" are: "+strings.Join(want, ", "), "site file %q: %s %q has driver %q", path, kind, name, got)
	}
	var errs []error
	for name, e := range s.Agents {
		errs = append(errs, driver("agent", name, e.Driver, "embedded"))
	}
	for name, e := range s.Clusters {
		errs = append(errs, driver("cluster", name, e.Driver, "embedded"))
	}
	for name, e := range s.DNS {
		errs = append(errs, driver("DNS server", name, e.Driver, "embedded", "rfc2136"))
	}
	for name, e := range s.Directories {
		errs = append(errs, driver("directory", name, e.Driver, "embedded", "ldap"))
	}
	errs = append(errs, s.Places.validate(path), s.Store.validate(path))
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// tomlError says where a site file is wrong.
func tomlError(err error) string {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		line, col := strict.Errors[0].Position()
		return fmt.Sprintf("line %d, column %d: unknown key %q", line, col, strict.Errors[0].Key())
	}
	var d *toml.DecodeError
	if errors.As(err, &d) {
		line, col := d.Position()
		return fmt.Sprintf("line %d, column %d: %v", line, col, err)
	}
	return err.Error()
}

// at gives a path of the site file as one to open.
func (s *siteFile) at(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.dir, filepath.FromSlash(path))
}

// embedded says whether the site's clusters live in this process: then so does its network.
func (s *siteFile) embedded() bool {
	for _, c := range s.Clusters {
		if c.Driver != "embedded" {
			return false
		}
	}
	return len(s.Clusters) > 0
}

// names are what scripts may call the site's systems, by slot type.
func (s *siteFile) names() map[string][]string {
	n := map[string][]string{"agent": {}, "cluster": {}, "dnsserver": {}, "directory": {}}
	for name, e := range s.Agents {
		n["agent"] = append(append(n["agent"], name), e.Addresses...)
	}
	for name := range s.Clusters {
		n["cluster"] = append(n["cluster"], name)
	}
	for name := range s.DNS {
		n["dnsserver"] = append(n["dnsserver"], name)
	}
	for name := range s.Directories {
		n["directory"] = append(n["directory"], name)
	}
	return n
}
