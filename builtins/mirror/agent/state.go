package agent

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/runtime/durable"
)

// stateFolder lies in an agent's folder beside its volumes.
const stateFolder = "agent"

// state is what an agent keeps: one file, replaced whole.
type state struct {
	Down        bool                     `json:"down,omitempty"`
	Settings    mirror.Settings          `json:"settings"`
	Sets        map[string]mirror.Set    `json:"sets"`
	LastID      int64                    `json:"last_id"`
	Connections map[int64]*connection    `json:"connections"`
	Inbound     []mirror.Inbound         `json:"inbound"`
	Markers     map[string]mirror.Marker `json:"markers"`              // by set
	Identities  map[string]identity      `json:"identities,omitempty"` // by set
	Writes      int64                    `json:"writes,omitempty"`     // how often the state was changed
}

// connection is what a source keeps of a connection.
type connection struct {
	mirror.Connection
	Last       mirror.Run `json:"last"`
	Paused     bool       `json:"paused,omitempty"` // its mirror is held
	OrphansDue string     `json:"orphans_due,omitempty"`
}

func newState() state {
	return state{
		Sets: map[string]mirror.Set{}, Connections: map[int64]*connection{},
		Markers: map[string]mirror.Marker{},
	}
}

// clone gives a state of its own: what is changed in it is not in s.
func (s state) clone() state {
	s.Sets, s.Markers, s.Identities = maps.Clone(s.Sets), maps.Clone(s.Markers), maps.Clone(s.Identities)
	s.Connections = maps.Clone(s.Connections)
	for id, c := range s.Connections {
		own := *c
		s.Connections[id] = &own
	}
	s.Inbound = slices.Clone(s.Inbound)
	return s
}

// load reads the state of the agent in folder. A mirror that was running when its process ended was cut off.
func load(folder string) (state, error) {
	s := newState()
	b, err := os.ReadFile(filepath.Join(folder, stateFolder, "state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	for _, c := range s.Connections {
		if c.Last.Running() {
			c.Last.State, c.Last.Error, c.Last.Ended = mirror.Idle, mirror.WasCutOff, time.Now()
		}
	}
	return s, err
}

// save makes the state durable before it returns. One that is on disk already is not written again; one that is not
// counts as one more write.
func save(folder string, s *state) error {
	dir := filepath.Join(folder, stateFolder)
	b, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if have, err := os.ReadFile(filepath.Join(dir, "state.json")); err == nil && string(have) == string(b)+"\n" {
		return nil
	}
	s.Writes++
	if b, err = json.MarshalIndent(s, "", "\t"); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, "state.json"), append(b, '\n'), 0o600)
}
