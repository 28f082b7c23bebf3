package trial

import (
	"fmt"
	"slices"
	"strings"
)

// NewScript gives the script of a seed. It is a correct one: `standin check` finds no mistake in it, although some of its
// operands name what is not there.
func NewScript(seed uint64) *Script {
	d := roll(seed, 2)
	s := &Script{Seed: seed}
	known := NewSite(seed).facts()
	main := &gen{dice: d, name: "main.dtcl", source: "east", budget: 12 + d.IntN(25), facts: known}
	for n := d.IntN(5) - 2; n > 0; n-- {
		g := &gen{dice: d, name: fmt.Sprintf("part%d.dtcl", n), source: pick(d, "east", "east", "west"), budget: 3 + d.IntN(6), facts: known.clone()}
		g.params = []string{`PARAM $name TEXT = "shop" "a host";`, `PARAM $n NUMBER = 2 "a number";`}
		g.vars, g.host = []string{"$n"}, "$name"
		s.Files = append(s.Files, g.file())
		main.parts = append(main.parts, g.name)
	}
	s.Files = append([]*File{main.file()}, s.Files...)
	return s
}

// gen writes one file.
type gen struct {
	dice
	name     string
	parts    []string // files that it may RUN
	params   []string
	host     string // a variable that holds the name of a host; "" without one
	source   string // the agent whose connections it means
	budget   int    // statements still to write
	count    int    // of the names made
	settles  bool   // it calls settle
	tolerant bool   // it goes on after a bare command that fails
	moved    bool   // a failover has been written
	facts    *facts
	place
}

// place is where the next statement stands.
type place struct {
	realm    realm
	depth    int
	loop     bool // BREAK and CONTINUE may stand here
	guarded  bool // inside STEP or TRY
	function bool
	parallel bool
	vars     []string // that hold a number
	ids      []string // that hold what CONNECT gave
	calls    []string // FUNCTIONs
}

func (g *gen) fresh(prefix string) string {
	g.count++
	return fmt.Sprintf("$%s%d", prefix, g.count)
}

func (g *gen) file() *File {
	f := &File{Name: g.name}
	g.realm = everywhere
	for _, p := range g.params {
		f.Body = append(f.Body, line("%s", p))
	}
	if g.tolerant = g.chance(50); g.tolerant {
		f.Body = append(f.Body, line("ON ERROR CONTINUE;"))
	}
	if g.source != "east" || len(g.params) > 0 {
		f.Body = append(f.Body, line("SOURCE %s;", g.source))
	}
	f.Body = append(f.Body, g.head()...)
	var functions []*Block
	for n := g.IntN(3) - 1; n > 0; n-- {
		functions = append(functions, g.newFunction())
	}
	for g.budget > 0 {
		f.Body = append(f.Body, g.stmt()...)
	}
	f.Body = append(f.Body, functions...)
	if g.settles {
		f.Body = append(f.Body, settleFunction())
	}
	return f
}

// head writes reads and REQUIREs, most of which hold.
func (g *gen) head() []*Block {
	var all []*Block
	if g.chance(40) {
		read := g.fresh("h")
		all = append(all, line(`%s = %s;`, read, g.command(sees)))
		if g.chance(50) {
			all = append(all, line(`REQUIRE NOT failed(%s), "what was asked answers";`, read))
		}
	}
	if g.chance(30) {
		c := pick(g.dice, "east", "west")
		state := g.rarely("Fenced", "Up")
		if g.facts.down == c {
			state = "Fenced"
		}
		all = append(all, line(`REQUIRE (CLUSTER %s STATUS).state = "%s", "the cluster is as it should be";`, c, state))
	}
	return all
}

func (g *gen) newFunction() *Block {
	outer := g.place
	g.place = place{realm: everywhere, depth: 2, function: true, vars: []string{"$a"}}
	name := fmt.Sprintf("work%d", g.IntN(1000)+1000*len(outer.calls))
	body := g.body(1 + g.IntN(2))
	if g.chance(50) {
		body = append(body, line("RETURN %s;", g.cond()))
	}
	g.place = outer
	g.calls = append(g.calls, name)
	return block(fmt.Sprintf("FUNCTION %s($a, $b = 3)", name), body)
}

// body writes so many statements that stand in a block: what they assign is not seen behind it.
func (g *gen) body(n int) []*Block {
	outer := g.place
	g.depth++
	var all []*Block
	for ; n > 0; n-- {
		all = append(all, g.stmt()...)
	}
	g.place = outer
	return all
}

// in writes a body at a place that it changes.
func (g *gen) in(n int, change func(*place)) []*Block {
	outer := g.place
	change(&g.place)
	all := g.body(n)
	g.place = outer
	return all
}

// stmt writes one statement, or some that belong together.
func (g *gen) stmt() []*Block {
	g.budget--
	n := g.IntN(100)
	if g.depth >= 4 || n < 55 {
		return g.commandStmt()
	}
	switch {
	case n < 63:
		return g.ifStmt()
	case n < 70:
		return g.loopStmt()
	case n < 80 && !g.function:
		return []*Block{g.step()}
	case n < 84 && !g.function && !g.parallel:
		return []*Block{g.parallelStmt()}
	case n < 91:
		return []*Block{g.tryStmt()}
	case n < 94 && len(g.calls) > 0:
		b := line("%s(%d);", pick(g.dice, g.calls...), g.IntN(4))
		b.With = g.settle()
		return []*Block{b}
	case n < 96 && len(g.parts) > 0 && !g.function && !g.parallel:
		b := line(`RUN "%s" (name = "%s", n = %d);`, pick(g.dice, g.parts...), pick(g.dice, "www", "shop"), g.IntN(4))
		b.With = g.settle()
		return []*Block{b}
	}
	return g.small()
}

// small writes a statement that changes no system.
func (g *gen) small() []*Block {
	switch n := g.IntN(100); {
	case n < 35:
		return []*Block{line(`WRITE "saw ", %s;`, g.cond())}
	case n < 50:
		return []*Block{line("WAIT 3ms;")}
	case n < 60:
		return []*Block{line(`WAIT UNTIL len("ready") = 5 EVERY 10ms TIMEOUT 5s;`)}
	case n < 70 && !g.function:
		return []*Block{line(`CONFIRM "Go on?";`)}
	case n < 74 && !g.function:
		return []*Block{line("POINT OF NO RETURN;")}
	case n < 78 && g.loop:
		return []*Block{block(fmt.Sprintf("IF (%s) THEN", g.cond()), []*Block{line("%s;", pick(g.dice, "BREAK", "CONTINUE"))})}
	case n < 81 && !g.function && !g.guarded:
		return []*Block{block(fmt.Sprintf("IF (%s) THEN", g.cond()), []*Block{line("EXIT %d;", pick(g.dice, 0, 0, 7))})}
	}
	v := g.fresh("v")
	s := line("%s = %s;", v, g.number())
	g.vars = append(g.vars, v)
	return []*Block{s}
}

// commandStmt writes a command: bare, captured, or with what it needs around it.
func (g *gen) commandStmt() []*Block {
	f := g.form(does, mirrors, sees, session)
	text := f.text(g)
	b, then := line("%s;", text), []*Block(nil)
	var first []*Block
	if strings.HasPrefix(text, "EXCHFAILOVER") && f.effect == does && g.realm == everywhere && g.chance(80) {
		off := g.settled(`$off = CLUSTER %s GROUP "Exchange Group" OFFLINE;`, "east") // else the move is refused
		first = append(first, off)
	}
	switch {
	case f.effect == session:
		b.With = []*Block{line("SOURCE %s;", g.source)}
	case strings.HasPrefix(text, "CONNECT") && g.chance(80):
		id := g.fresh("id")
		b = line("%s = %s;", id, text)
		g.ids = append(g.ids, id)
		g.facts.links++
	case f.effect == sees || !(g.tolerant && !g.guarded) && g.chance(85):
		v := g.fresh("r")
		b = line("%s = %s;", v, text)
		if g.chance(40) {
			n := g.in(1, func(p *place) { p.depth++ })
			then = append(then, block(fmt.Sprintf("IF (%sfailed(%s)) THEN", pick(g.dice, "", "NOT "), v), n))
		}
	}
	if f.effect == mirrors {
		b.With = g.settle()
	}
	return slices.Concat(first, []*Block{b}, then, g.level(text))
}

// settle waits until no mirror runs: how far one has come is the machine's business, and no script's.
func (g *gen) settle() []*Block {
	if g.realm&(east|west|agents) == 0 {
		return nil
	}
	g.settles = true
	return []*Block{line(`settle("%s");`, g.source)}
}

// settleFunction declares what settle calls. It waits for connections that there may not be, and reads nothing: a read
// that is made twice is unknown in a plan.
func settleFunction() *Block {
	var body []*Block
	for _, agent := range []string{"east", "west"} {
		body = append(body, line("SOURCE %s;", agent), block("FOR $i = 1 TO 6 DO", []*Block{line("$waited = WAIT ON MIRROR $i IDLE TIMEOUT 1m;")}))
	}
	f := block("FUNCTION settle($source)", append(body, line("SOURCE $source;")))
	f.Fixed = true
	return f
}

// settled is a line behind which no mirror runs.
func (g *gen) settled(format string, args ...any) *Block {
	b := line(format, args...)
	b.With = g.settle()
	return b
}

// level sometimes waits for what the command has just brought about, where that is so.
func (g *gen) level(text string) []*Block {
	words := strings.Fields(text)
	if !g.chance(40) || strings.Contains(text, "${") {
		return nil
	}
	if group, ok := strings.CutSuffix(text, " ONLINE"); ok && strings.Contains(group, " GROUP ") {
		return []*Block{block(fmt.Sprintf(`IF ((%s STATUS).state = "Online") THEN`, group), []*Block{line("WAIT ON %s ONLINE TIMEOUT 5s;", group)})}
	}
	if len(words) == 6 && words[0] == "DNS" && words[1] == "ADD" && words[4] == "A" {
		v, name := g.fresh("q"), g.full(words[3], "A")
		return []*Block{line("%s = DNS QUERY %s A;", v, name),
			block(fmt.Sprintf(`IF (NOT failed(%s) AND len(%s) > 0 AND %s[0].data = "%s") THEN`, v, v, v, words[5]),
				[]*Block{line("WAIT ON DNS %s A %s TIMEOUT 5s;", name, words[5])})}
	}
	return nil
}

func (g *gen) ifStmt() []*Block {
	cond := g.cond()
	b := block("IF ("+cond+") THEN", g.body(1+g.IntN(2)))
	if g.chance(30) {
		b.also("ELSEIF ("+g.cond()+") THEN", g.body(1))
	}
	if g.chance(50) {
		b.also("ELSE", g.body(1))
	}
	return []*Block{b}
}

func (g *gen) loopStmt() []*Block {
	turns := func(v string) []*Block {
		return g.in(1+g.IntN(2), func(p *place) { p.loop, p.vars = true, append(p.vars[:len(p.vars):len(p.vars)], v) })
	}
	switch g.IntN(4) {
	case 0:
		i := g.fresh("i")
		return []*Block{block(fmt.Sprintf("FOR %s = 1 TO %d DO", i, 1+g.IntN(3)), turns(i))}
	case 1:
		i := g.fresh("i")
		return []*Block{block(fmt.Sprintf("FOR %s IN [20, 30, 20] DO", i), turns(i))}
	case 2:
		if g.realm&(east|west) == 0 {
			break
		}
		x := g.fresh("x")
		return []*Block{block(fmt.Sprintf("FOR %s IN (CLUSTER %s GROUPS) DO", x, g.cluster()), []*Block{
			block(fmt.Sprintf(`IF (%s.state = "Online") THEN`, x), append([]*Block{line(`WRITE %s.name;`, x)}, g.in(1, func(p *place) { p.depth += 2; p.loop = true })...)),
		})}
	}
	n := g.fresh("n")
	body := append([]*Block{line("%s = %s + 1;", n, n)}, turns(n)...)
	return []*Block{line("%s = 0;", n), block(fmt.Sprintf("WHILE (%s < %d) DO", n, 1+g.IntN(3)), body)}
}

func (g *gen) step() *Block {
	g.count++
	head := fmt.Sprintf(`STEP "step %d"`, g.count)
	if g.chance(30) {
		head += " TIMEOUT 1m"
	}
	if g.chance(35) {
		head += fmt.Sprintf(" RETRY %d EVERY 5ms", 1+g.IntN(2))
	}
	if g.chance(20) {
		head += " WHEN " + g.cond()
	}
	inside := func(p *place) { p.loop, p.guarded = false, true }
	b := block(head+" DO", g.in(1+g.IntN(3), inside))
	if g.chance(20) {
		b.also("UNDO", g.in(1, inside))
	}
	return b
}

// parallelStmt gives each branch a realm of its own.
func (g *gen) parallelStmt() *Block {
	realms := []realm{pick(g.dice, web, east), names, hosts, boxes, bind}
	g.Shuffle(len(realms), func(i, j int) { realms[i], realms[j] = realms[j], realms[i] })
	var steps []*Block
	for _, r := range realms[:2+g.IntN(2)] {
		outer := g.place
		g.realm, g.parallel, g.loop, g.ids, g.calls = r, true, false, nil, nil
		g.depth++
		steps = append(steps, g.step())
		g.place = outer
	}
	return block(pick(g.dice, "PARALLEL DO", "PARALLEL MAX 2 DO"), steps)
}

func (g *gen) tryStmt() *Block {
	inside := func(p *place) { p.guarded = true }
	e := g.fresh("e")
	b := block("TRY", g.in(1+g.IntN(2), inside))
	handled := g.chance(80)
	if handled {
		b.also("ON ERROR "+e+" DO", append([]*Block{g.settled(`WRITE "failed: ", %s.code;`, e)}, g.in(1, inside)...))
	}
	if !handled || g.chance(30) {
		b.also("FINALLY", append([]*Block{g.settled(`WRITE "in any case";`)}, g.in(1, inside)...))
	}
	return b
}
