// Package cluster is the vocabulary of clusters: groups and resources brought online, taken offline and moved.
package cluster

import (
	"context"

	"github.com/standin-project/standin/builtins/cluster/model"
)

// Systems finds clusters by name.
type Systems interface {
	// Cluster finds a cluster, or fails with the names there are.
	Cluster(name string) (System, error)
	// Clusters gives the names of all clusters, sorted.
	Clusters() []string
}

// Reader is the read-only half of a cluster.
type Reader interface {
	// State reads the whole cluster at once. A cluster whose nodes are all known to be off still answers, as fenced;
	// one that does not answer at all fails as unreachable.
	State(ctx context.Context) (*model.Cluster, error)
}

// System is a cluster.
type System interface {
	Reader
	// Apply carries out one operation and returns when the cluster has come to rest, or ctx ends. It fails when the
	// operation is refused or a resource did not come online; what had been done until then stays.
	Apply(ctx context.Context, op model.Op) error
}

// Script is a script that a resource runs as it comes online or goes offline.
type Script struct {
	Cluster  string
	Node     string
	Group    string
	Resource string
	Event    string // "online" or "offline"
	// File is the script's path: <scripts folder>/<node>/<event>.dtcl.
	File string
	// Change is the change that runs it, as "system: what".
	Change string
	// Params are the resource's own parameters (set, target).
	Params map[string]string
}

// ScriptRunner runs a script of a resource; nil where there are none to run. In a plan it walks the script instead.
type ScriptRunner func(ctx context.Context, s Script) error
