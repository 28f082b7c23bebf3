// Package builtins is the vocabulary: the explicit list of all commands of the language.
package builtins

import (
	"fmt"
	"slices"

	"github.com/standin-project/standin/builtins/cluster"
	"github.com/standin-project/standin/builtins/core"
	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/builtins/dns"
	"github.com/standin-project/standin/builtins/exchange"
	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
)

// Systems are the systems that the commands work on. The zero value is enough for help, docs, check and completion.
type Systems struct {
	Mirror    mirror.Systems
	Cluster   cluster.Systems
	DNS       dns.Systems
	Directory directory.Systems
	Exchange  exchange.Systems
	Core      core.Systems
}

// All gives every command, in the order in which HELP lists them.
func All(s Systems) []def.Command {
	return slices.Concat(
		mirror.Commands(s.Mirror),
		cluster.Commands(s.Cluster),
		dns.Commands(s.DNS),
		exchange.Commands(s.Exchange),
		directory.Commands(s.Directory),
		core.Commands(s.Core),
	)
}

// Set gives what the language knows of the commands.
func Set(all []def.Command) (*sig.Set, error) {
	sigs := make([]*sig.Signature, len(all))
	for i := range all {
		sigs[i] = &all[i].Signature
	}
	return sig.NewSet(sigs)
}

// Lookup gives the walk's way from a signature of any table to the record over these systems: usage lines are unique.
func Lookup(all []def.Command) plan.Lookup {
	records := make(map[string]*plan.Record, len(all))
	for i := range all {
		c := &all[i]
		records[c.Usage] = &plan.Record{System: c.System, Reaches: c.Reaches, Read: c.Read, Observe: c.Observe, Undo: c.Undo}
	}
	return func(s *sig.Signature) (*plan.Record, error) {
		r, ok := records[s.Usage]
		if !ok {
			return nil, fmt.Errorf("the command %q has no record", s.Usage)
		}
		return r, nil
	}
}
