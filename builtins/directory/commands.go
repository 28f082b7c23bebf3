package directory

import (
	"context"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/value"
)

// Systems finds the directories of a site.
type Systems interface {
	Directory(name string) (System, error)
}

// Commands are the commands that read a directory. s may be nil where no command is called.
func Commands(s Systems) []def.Command {
	return def.Of("directory", []def.Command{
		{
			Signature: sig.Signature{
				Usage:   "DIRECTORY <directory> STATUS",
				Summary: "Says which server of a directory answers and where its entries are.",
				Docs:    map[string]string{"directory": "name of a directory of the site"},
				Result:  "a map: server, domain, configuration (the names of the two naming contexts), usn",
				Effect:  sig.Reads,
				Example: `DIRECTORY ad STATUS;`,
			},
			Read: func(ctx context.Context, c *def.Call) (value.Value, error) { return status(ctx, s, c) },
		},
		{
			Signature: sig.Signature{
				Usage:   "DIRECTORY <directory> QUERY <base:text> <filter:text> [<attribute:text>]…",
				Summary: "Finds the entries below a base that match a filter.",
				Docs: map[string]string{
					"directory": "name of a directory of the site",
					"base":      `name of the entry to look below; "" is the domain, "configuration" the forest's configuration`,
					"filter":    "what to look for, as an LDAP filter: (homeMDB=*)",
					"attribute": "an attribute to read; without any, all of them",
				},
				Result:  "a list of maps: dn and each attribute as a list of texts; its name is in lower case",
				Effect:  sig.Reads,
				Example: `DIRECTORY ad QUERY "" "(sAMAccountName=user00001)" homeMDB msExchHomeServerName;`,
			},
			Read: func(ctx context.Context, c *def.Call) (value.Value, error) { return query(ctx, s, c) },
		},
	})
}

func status(ctx context.Context, s Systems, c *def.Call) (value.Value, error) {
	d, err := s.Directory(c.Text("directory"))
	if err != nil {
		return nil, err
	}
	info, err := d.Info(ctx)
	if err != nil {
		return nil, err
	}
	return value.From(map[string]any{
		"server": info.Server, "domain": info.Default, "configuration": info.Configuration, "usn": info.USN,
	}), nil
}
