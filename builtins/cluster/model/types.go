package model

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/standin-project/standin/runtime/value"
)

// The types of resources.
const (
	IPAddress          = "IP Address"
	NetworkName        = "Network Name"
	PhysicalDisk       = "Physical Disk"
	SystemAttendant    = "Microsoft Exchange System Attendant"
	GenericService     = "Generic Service"
	GenericApplication = "Generic Application"
	SourceConnection   = "Standin Source Connection"
)

// Parameters that the model itself reads.
const (
	ParamAddress = "address" // of an IP Address
	ParamName    = "name"    // of a Network Name
	ParamScripts = "scripts" // of a Source Connection: the folder that holds one folder of scripts a node
	ParamOwners  = "owners"  // of any resource: the nodes it may run on, joined by commas
	ParamFails   = "fails"   // of any resource: in a drill, refuse to come online and say this
)

// Type is one type of resource with the parameters that it takes.
type Type struct {
	Name       string
	Aliases    []string // names of the same type in older clusters
	Required   []string
	Parameters []string // the other ones; every type takes owners and fails too
}

// Types is the table of resource types.
func Types() []Type {
	return []Type{
		{Name: IPAddress, Required: []string{ParamAddress}, Parameters: []string{"mask", "network"}},
		{Name: NetworkName, Required: []string{ParamName}},
		{Name: PhysicalDisk, Parameters: []string{"disk"}},
		{Name: SystemAttendant, Parameters: []string{"path"}},
		{Name: GenericService, Parameters: []string{"service", "path"}},
		{Name: GenericApplication, Parameters: []string{"command", "path"}},
		{Name: SourceConnection, Aliases: []string{"Source Connection", "Storage Mirroring Source Connection"},
			Required: []string{"set", "target"}, Parameters: []string{ParamScripts}},
	}
}

// IsSource says whether r is a source connection: it runs scripts, and nothing may depend on it.
func (r *Resource) IsSource() bool { return r.Type == SourceConnection }

// typed brings a new resource's type and parameters into their canonical spelling, and refuses what the table does not know.
func (r *Resource) typed() error {
	t, err := typeOf(r.Type)
	if err != nil {
		return err
	}
	r.Type = t.Name
	known := slices.Concat(t.Required, t.Parameters, []string{ParamOwners, ParamFails})
	params := make(map[string]string, len(r.Params))
	for _, k := range slices.Sorted(maps.Keys(r.Params)) {
		key := strings.ToLower(strings.TrimPrefix(strings.ToLower(k), "data "))
		if !slices.Contains(known, key) {
			f := value.Failf(value.CodeBadParameter, "a resource of type %q has no parameter %q", t.Name, k)
			return suggest(f, k, known).Hint("its parameters: %s", strings.Join(known, ", "))
		}
		params[key] = r.Params[k]
	}
	for _, k := range t.Required {
		if params[k] == "" {
			return value.Failf(value.CodeBadParameter, "resource %q of type %q needs the parameter %q", r.Name, t.Name, k).
				Hint("give it behind the type: (%s=…)", k)
		}
	}
	if a, ok := params[ParamAddress]; ok {
		addr, err := netip.ParseAddr(a)
		if err != nil {
			return value.Failf(value.CodeBadParameter, "resource %q: got %q, want an IP address", r.Name, a).
				Hint("write it like 10.1.0.5")
		}
		params[ParamAddress] = addr.String()
	}
	r.Params = params
	return nil
}

func typeOf(name string) (Type, error) {
	var names []string
	for _, t := range Types() {
		for _, n := range append([]string{t.Name}, t.Aliases...) {
			if strings.EqualFold(n, name) {
				return t, nil
			}
		}
		names = append(names, t.Name)
	}
	f := value.Failf(value.CodeBadParameter, "%q is not a type of resource", name)
	return Type{}, suggest(f, name, names).Hint("the types: %s", quoted(names))
}

// Serves finds the group that holds an address which is online, and says whether its name and its service are online too.
func (c *Cluster) Serves(addr netip.Addr) (group, name string, serving, ok bool) {
	for _, r := range c.Resources {
		if r.Type != IPAddress || r.State != Online {
			continue
		}
		if a, err := netip.ParseAddr(r.Params[ParamAddress]); err != nil || a != addr.Unmap() {
			continue
		}
		named, served := false, false
		for _, m := range c.Members(r.Group) {
			switch {
			case m.Type == NetworkName && m.State == Online:
				named, name = true, m.Params[ParamName]
			case (m.Type == SystemAttendant || m.Type == GenericService) && m.State == Online:
				served = true
			}
		}
		return r.Group, name, named && served, true
	}
	return "", "", false, false
}
