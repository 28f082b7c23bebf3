package exchange

import (
	"context"
	"fmt"
	"strings"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// rights asks the directory, before the first write, whether the account may make every step, and names each right
// that is missing. Of the mailboxes of one container one is asked: rights are given on containers. A step of the
// routing master is left out when the right is missing, as the seed of this command has it: an administrator may do
// it later; any other missing right refuses the whole run.
func (j *job) rights(ctx context.Context) error {
	account := j.opt.login.User
	if account == "" {
		account = "the site's own account"
	}
	var missing []string
	j.withheld = map[string]bool{}
	for _, s := range j.steps {
		lacks, err := j.lacking(ctx, s, account)
		switch {
		case err != nil:
			return err
		case len(lacks) > 0 && s.kind == "routing master":
			j.withheld[s.kind] = true
			j.byHand = append(j.byHand, lacks...)
		default:
			missing = append(missing, lacks...)
		}
	}
	steps := j.steps[:0]
	for _, s := range j.steps {
		if !j.withheld[s.kind] {
			steps = append(steps, s)
		}
	}
	j.steps = steps
	if len(missing) == 0 {
		return nil
	}
	f := value.Failf(value.CodeRefused, "%s lacks %d rights in directory %q, nothing was changed", account, len(missing), j.name)
	for _, m := range missing {
		f.Hint("%s", m)
	}
	return f.Hint("EXCHFAILOVER -rights -s %s -t %s lists every grant; -u takes another account", j.source.name, j.target.name)
}

func (j *job) lacking(ctx context.Context, s step, account string) (lacks []string, err error) {
	asked := map[string]bool{}
	for _, b := range s.batches {
		attrs := attributes(b.Edits)
		for _, dn := range b.DNs {
			key := directory.Parent(dn) + "\x00" + strings.Join(attrs, ",")
			if asked[key] {
				continue
			}
			asked[key] = true
			answer, missing, err := j.dir.Writable(ctx, dn, attrs...)
			if err != nil {
				return nil, err
			}
			if answer == plan.No {
				lacks = append(lacks, fmt.Sprintf("%s may not write %s of %q", account, strings.Join(missing, ", "), dn))
			}
		}
	}
	return lacks, nil
}

// grant is one permission that ADSIEdit gives.
type grant struct{ direction, object, account, right, why string }

// grants lists what the two directions need beyond what the system account has.
func grants(source, target *server, sourceAccount, targetAccount string) []grant {
	routing := "CN=Routing Groups," + source.adminGroup()
	org := directory.Parent(directory.Parent(source.adminGroup()))
	var all []grant
	for _, d := range []struct{ name, to, spnObject string }{
		{"failover", target.name + "$", sourceAccount}, {"failback", source.name + "$", targetAccount},
	} {
		all = append(all,
			grant{d.name, d.spnObject, d.to, "Write servicePrincipalName", "service principal names are taken from this account"},
			grant{d.name, routing, d.to, "Full Control", "the routing master is an attribute of its routing group"},
			grant{d.name, org, d.to, "Full Control", "the recipient update services stand below the organisation"})
	}
	return all
}

func (c commands) rightsCommand(ctx context.Context, call *def.Call) (value.Value, error) {
	q, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	source, target, err := q.two(ctx, call.Text("source"), call.Text("target"))
	if err != nil {
		return nil, err
	}
	j := &job{dir: q.dir, info: q.info}
	accounts := [2]string{}
	for i, s := range []*server{source, target} {
		e, err := j.account(ctx, s.name)
		if err != nil {
			return nil, err
		}
		if accounts[i] = "the computer account of " + s.name; e != nil {
			accounts[i] = e.DN
		}
	}
	var list []any
	for _, g := range grants(source, target, accounts[0], accounts[1]) {
		list = append(list, map[string]any{"direction": g.direction, "object": g.object, "account": g.account, "right": g.right, "why": g.why})
	}
	return value.From(list), nil
}
