package exchange_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/standin-project/standin/builtins/directory/embedded"
	"github.com/standin-project/standin/runtime/value"
)

// group makes a storage group from "Name: Store=file, Store=file"; a store called Public… is one of public folders.
// Groups of the same number have the same prefix and paths.
func group(n int, text string) embedded.StorageGroup {
	name, stores, _ := strings.Cut(text, ": ")
	g := embedded.StorageGroup{Name: name, Prefix: fmt.Sprintf("E%02d", n), Path: fmt.Sprintf(`E:\Exchsrvr\%d`, n)}
	for _, s := range strings.Split(stores, ", ") {
		name, file, _ := strings.Cut(s, "=")
		g.Stores = append(g.Stores, embedded.Store{Name: name, File: file, Public: strings.HasPrefix(name, "Public")})
	}
	return g
}

func twoServers(source, target string, here, there []string) embedded.Fresh {
	s, t := embedded.Server2003{Name: source, Address: "10.1.0.5"}, embedded.Server2003{Name: target, Address: "10.1.1.9"}
	for i, g := range here {
		s.Groups = append(s.Groups, group(i, g))
	}
	for i, g := range there {
		t.Groups = append(t.Groups, group(i, g))
	}
	return embedded.Fresh{Users: 8, Servers: []embedded.Server2003{s, t}}
}

func TestPairing(t *testing.T) {
	two := []string{"Indy: Sales=sales, Public=pub1", "Boston: Sales=sales"}
	bkup := []string{"Indy_Bkup: Sales=sales, Public=pub1", "Boston_Bkup: Sales=sales"}
	inside := []string{"Sales: Inside=one, Outside=two, Public=pub1"}
	for _, test := range []struct {
		name        string
		here, there []string
		rules       string
		want        string // pairs, or what the problems say
	}{
		{"unique files", []string{"A: X=x, Public=p"}, []string{"B: Y=X, Public=P"}, "", "A,Public=B,Public A,X=B,Y"},
		{"the same file twice", two, bkup, "", "! Boston,Sales Indy,Sales -r Indy,Sales:Indy_Bkup,Sales -r Boston,Sales:Boston_Bkup,Sales"},
		{"by name", two, two, "-r", "Boston,Sales=Boston,Sales Indy,Public=Indy,Public Indy,Sales=Indy,Sales"},
		{"by name, where names differ", two, bkup, "-r", `! "Indy" "Boston"`},
		{"groups", two, bkup, "-r Indy:Indy_Bkup -r Boston:Boston_Bkup", "Boston,Sales=Boston_Bkup,Sales Indy,Public=Indy_Bkup,Public Indy,Sales=Indy_Bkup,Sales"},
		{"groups in any case", two, bkup, "-R indy:INDY_BKUP -r Boston:boston_bkup", "Boston,Sales=Boston_Bkup,Sales Indy,Public=Indy_Bkup,Public Indy,Sales=Indy_Bkup,Sales"},
		{"one group settles the other", two, bkup, "-r Indy:Indy_Bkup", "Boston,Sales=Boston_Bkup,Sales Indy,Public=Indy_Bkup,Public Indy,Sales=Indy_Bkup,Sales"},
		{"stores", two, bkup, "-r Indy,Sales:Indy_Bkup,Sales -r Boston,Sales:Boston_Bkup,Sales", "Boston,Sales=Boston_Bkup,Sales Indy,Public=Indy_Bkup,Public Indy,Sales=Indy_Bkup,Sales"},
		{"stores, blanks after commas", two, bkup, "-r Indy, Sales:Indy_Bkup, Sales -r Boston, Sales:Boston_Bkup, Sales", "Boston,Sales=Boston_Bkup,Sales Indy,Public=Indy_Bkup,Public Indy,Sales=Indy_Bkup,Sales"},
		{"two stores of a group", inside, []string{"Indy_Sales: Inside=one, Outside=two, Public=pub1"}, "-r Sales, Inside:Indy_Sales, Inside -r Sales, Outside:Indy_Sales, Outside", "Sales,Inside=Indy_Sales,Inside Sales,Outside=Indy_Sales,Outside Sales,Public=Indy_Sales,Public"},
		{"a store twice", inside, []string{"S: Inside=one, Outside=two, Public=pub1"}, "-r Sales,Inside:S,Inside -r Sales,Outside:S,Inside", "! twice -r Sales,Outside:S,Inside"},
		{"unknown names", inside, inside, "-r Sales,Aside:Sales,Inside -r Nobody:Sales -r Sales:Nowhere", `! "Aside" "Nobody" "Nowhere"`},
		{"files that differ", inside, []string{"Sales: Inside=one, Outside=three, Public=pub1"}, "-r", "! streaming two three"},
		{"a store missing", inside, []string{"Sales: Inside=one, Public=pub1"}, "", "! Sales,Outside two.edb -r Sales,Outside:<group>,<store>"},
		{"not a rule", inside, inside, "-r Sales,Inside:Sales", "! group:group"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, twoServers("ExchSrvr", "ExchSrvr_Bkup", test.here, test.there))
			v, err := s.run("EXCHANGE PAIRS ExchSrvr ExchSrvr_Bkup " + test.rules)
			if strings.HasPrefix(test.want, "! ") {
				before := s.ldif()
				if _, run := s.run("exchfailover.exe -failover -s ExchSrvr -t ExchSrvr_Bkup " + test.rules); run == nil || s.ldif() != before {
					t.Fatalf("EXCHFAILOVER took it, or changed something: %v", run)
				}
				said := fmt.Sprint(err, hints(err))
				for _, want := range strings.Fields(test.want[2:]) {
					if !strings.Contains(said, want) {
						t.Errorf("got %s, want it to say %s", strings.Join(append(hints(err), fmt.Sprint(err)), "\n"), want)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err, hints(err))
			}
			if got := pairsOf(v); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func pairsOf(v value.Value) string {
	var all []string
	list, _ := value.AsList(v)
	for _, p := range list {
		m, _ := value.AsMap(p)
		all = append(all, value.Print(m["source"])+"="+value.Print(m["target"]))
	}
	// Pairs stand in the order in which rules settled them; the table wants them sorted.
	return strings.Join(sorted(all), " ")
}

// The seed's own lines, on servers that have what they name.
func TestSeedLines(t *testing.T) {
	stores := []string{"Sales: Inside=one, Outside=two", "Other: Public=pub1"}
	bkup := []string{"Indy_Sales: Inside=one, Outside=two", "Other: Public=pub1"}
	for _, line := range []string{
		"exchfailover -failover -s Indy -t ExchSrvr_Bkup",
		"exchfailover -failover -s Indy -t ExchSrvr_Bkup -r Sales:Indy_Sales",
		"exchfailover -failover -s Indy -t ExchSrvr_Bkup -r Sales, Inside:Indy_Sales, Inside -r Sales, Outside:Indy_Sales, Outside",
		"exchfailover -failover -s Indy -t ExchSrvr_Bkup -r Sales:Indy_Sales -norus -u administrator:password",
		"exchfailover -failover -s Indy -t ExchSrvr_Bkup -o " + optionsFile(t, "-r Sales, Inside:Indy_Sales, Inside\n-r \"Sales,Outside:Indy_Sales,Outside\"\n"),
	} {
		s := newSite(t, twoServers("Indy", "ExchSrvr_Bkup", stores, bkup))
		s.must(line)
		if s.users("ExchSrvr_Bkup") != 8 {
			t.Errorf("%s: got %d users moved, want 8", line, s.users("ExchSrvr_Bkup"))
		}
	}
	s := newSite(t, twoServers("Indy", "ExchSrvr_Bkup", stores, stores))
	s.must("exchfailover -failover -s Indy -t ExchSrvr_Bkup -r")
	s.must("exchfailover -?")
	s.must("exchfailover -??")
	rights, _ := value.AsList(s.must("exchfailover -rights -s Indy -t ExchSrvr_Bkup"))
	if len(rights) != 6 {
		t.Errorf("got %d grants, want 3 in each direction", len(rights))
	}
}

// The default names of Exchange hold the server's; -r alone still pairs them.
func TestFreshSitePairsBothWays(t *testing.T) {
	s := newSite(t, embedded.Fresh{})
	byFile := pairsOf(s.must("EXCHANGE PAIRS EXCH1 EXCH2"))
	byName := pairsOf(s.must("EXCHANGE PAIRS EXCH1 EXCH2 -r"))
	if byFile != byName || strings.Count(byFile, "=") != 3 {
		t.Errorf("got %s\nand %s", byFile, byName)
	}
}
