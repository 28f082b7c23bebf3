package mirror

import (
	"github.com/standin-project/standin/builtins/def"
)

// Commands gives the records of mirroring. What SOURCE and TARGET choose is kept by the walk that runs them.
func Commands(systems Systems) []def.Command {
	s := &session{systems: systems}
	return def.Of("agent",
		s.sessionCommands(),
		s.agentCommands(),
		s.setCommands(),
		s.ruleCommands(),
		s.connectionCommands(),
		s.mirrorCommands(),
		s.orphanCommands(),
		s.compareCommands(),
		s.ownerCommands(),
		s.statusCommands(),
		s.waitCommands(),
	)
}
