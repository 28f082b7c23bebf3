package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/report"
)

// page gives a report's page as its text and as a browser reads it.
func page(t testing.TB, r *report.Report) (string, *html.Node) {
	t.Helper()
	var b bytes.Buffer
	if err := r.HTML(&b); err != nil {
		t.Fatal(err)
	}
	tree, err := html.Parse(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), tree
}

// words is all that the page shows, with one blank between words.
func words(tree *html.Node) string {
	var b strings.Builder
	for n := range tree.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" {
			b.WriteString(n.Data + " ")
		}
	}
	return oneLine(b.String())
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// Every step and every change of the journal stands on the page, and what people did.
func TestPageShowsAll(t *testing.T) {
	for name, r := range reports() {
		_, tree := page(t, r)
		shown := words(tree)
		want := []string{r.Run, r.Error}
		var walk func(items []*report.Item)
		walk = func(items []*report.Item) {
			for _, it := range items {
				if it.Kind == report.KindStep || it.Kind == report.KindQuestion || it.Kind == report.KindChild || it.Kind == report.KindRun {
					want = append(want, it.Title)
				}
				walk(it.Items)
			}
		}
		walk(r.Timeline)
		for _, c := range r.Changes {
			want = append(want, c.System, c.What, c.From, c.To)
		}
		for _, f := range r.Failures {
			want = append(want, f.What, f.Error, f.Hint)
		}
		for _, o := range r.Overrides {
			want = append(want, o.Rule, o.Reason, o.Found)
		}
		for _, l := range r.Written {
			want = append(want, l.Text)
		}
		for _, q := range r.Questions {
			want = append(want, q.Text, q.Answer)
		}
		for _, w := range want {
			if !strings.Contains(shown, oneLine(w)) {
				t.Errorf("%s: the page does not show %q", name, w)
			}
		}
	}
	_, tree := page(t, reports()["night"])
	for _, w := range []string{"Point of no return", "20,000 objects", "3 h 41 min", "13 min 52 s", "1 min 08 s", "3 h 26 min", "1 min 09 s", "attempt 1: failed after 16 s"} {
		if !strings.Contains(words(tree), w) {
			t.Errorf("the page does not show %q", w)
		}
	}
}

// The page is XML as well as HTML, so that no reader has to guess, and it asks for nothing from anywhere.
func TestPageStandsAlone(t *testing.T) {
	elsewhere := regexp.MustCompile(`(?i)url\([^#]|@import|//[a-z]`)
	for name, r := range reports() {
		text, tree := page(t, r)
		d := xml.NewDecoder(strings.NewReader(text))
		for {
			_, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		for n := range tree.Descendants() {
			switch {
			case n.Type == html.TextNode && n.Parent.Data == "style" && elsewhere.MatchString(n.Data):
				t.Errorf("%s: the style asks for something: %s", name, elsewhere.FindString(n.Data))
			case n.Type != html.ElementNode:
				continue
			}
			switch n.Data {
			case "script", "link", "img", "iframe", "object", "embed", "base", "form", "image", "foreignObject", "a":
				t.Errorf("%s: the page has <%s>", name, n.Data)
			}
			for _, a := range n.Attr {
				switch {
				case strings.HasPrefix(a.Key, "on"), a.Key == "src", a.Key == "action":
					t.Errorf("%s: <%s %s=%q>", name, n.Data, a.Key, a.Val)
				case a.Key == "href" && !strings.HasPrefix(a.Val, "#"):
					t.Errorf("%s: <%s> points to %q", name, n.Data, a.Val)
				case a.Key == "style" && elsewhere.MatchString(a.Val):
					t.Errorf("%s: <%s> has the style %q", name, n.Data, a.Val)
				}
			}
		}
	}
}

// The bars of a picture lie within it, and each picture says in words what it shows.
func TestPictures(t *testing.T) {
	for name, r := range reports() {
		_, tree := page(t, r)
		pictures := 0
		for n := range tree.Descendants() {
			if n.Type != html.ElementNode || n.Data != "svg" || attr(n, "role") != "img" {
				continue
			}
			pictures++
			if attr(n, "aria-label") == "" {
				t.Errorf("%s: a picture without words", name)
			}
			for c := range n.Descendants() {
				if c.Data != "rect" {
					continue
				}
				var x, w float64
				if err := json.Unmarshal([]byte("["+strings.TrimSuffix(attr(c, "x"), "%")+","+strings.TrimSuffix(attr(c, "width"), "%")+"]"), &[]*float64{&x, &w}); err != nil {
					t.Fatal(err)
				}
				if x < 0 || w < 0 || x+w > 100.02 {
					t.Errorf("%s: a bar from %g %% that is %g %% wide", name, x, w)
				}
			}
		}
		if pictures < 3 {
			t.Errorf("%s: %d pictures", name, pictures)
		}
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// What a script, a server or a person has written stays text, whatever it looks like.
func TestPageEscapesAll(t *testing.T) {
	const evil = `</style><script>alert(1)</script>"><img src=x onerror=alert(2)>{{.Run}} ' url(http://evil.example/) --> ]]> &amp;`
	b := open(evil, evil)
	b.Header.Site, b.Header.Who, b.Header.Zone, b.Header.Params = evil, evil, evil, map[string]string{evil: evil}
	b.at(time.Second).step("1", evil, "begun", 1, "")
	b.change("1@1/1", evil, time.Second, ch(evil, evil, evil, evil, 3))
	b.step("1", evil, "failed", 1, evil)
	b.ask("2", evil).answer("2", evil, evil, &plan.Actor{Who: evil, Host: evil}, 2*time.Second)
	b.add(plan.Entry{Kind: plan.KindRule, Rule: evil, Reason: evil, Text: evil, Command: evil})
	b.add(plan.Entry{Kind: plan.KindOrder, Text: evil, Result: evil})
	b.add(plan.Entry{Kind: plan.KindWrite, Place: "3", Text: evil + "\x1b[31mred\u202egnp\x00"})
	b.result("4", evil, time.Second, -1, evil)
	r := report.Build(night(), b.end(plan.Failed, 1, evil))
	text, tree := page(t, r)
	for n := range tree.Descendants() {
		if n.Type == html.ElementNode && (n.Data == "script" || n.Data == "img") {
			t.Errorf("the page has <%s>", n.Data)
		}
	}
	if n := strings.Count(words(tree), oneLine(evil)); n < 15 {
		t.Errorf("the text stands %d times on the page:\n%s", n, words(tree))
	}
	var lines bytes.Buffer
	if err := r.Text(&lines); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{text, lines.String()} {
		if strings.ContainsAny(s, "\x1b\x00\u202e") || !strings.Contains(s, "\uFFFD[31mred\uFFFDgnp\uFFFD") {
			t.Error("a terminal or a reader could obey what the script wrote")
		}
	}
}

// A report shows what the journal says for people. What a journal keeps to go on with or to undo stays in it: old values,
// the texts of scripts, tokens. And 20,000 mailboxes are one change.
func TestReportKeepsItsWords(t *testing.T) {
	run, child := theNight()
	run.Texts = map[string]string{"night.dtcl": "KEEP-1"}
	for i := range run.Entries {
		e := &run.Entries[i]
		e.Usage, e.Aside, e.Token = "KEEP-2", "KEEP-3", 987654321987
		for j := range e.Changes {
			e.Changes[j].Inverse = json.RawMessage(`"` + strings.Repeat("KEEP-4", 1e5) + `"`)
		}
		if e.Kind == plan.KindRead {
			if seen, ok := e.Result.(map[string]any); ok {
				seen["note"] = "KEEP-5"
			}
		}
	}
	r := report.Build(night(), run, child)
	object, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := r.Text(&text); err != nil {
		t.Fatal(err)
	}
	html, _ := page(t, r)
	for _, s := range []string{string(object), text.String(), html} {
		if strings.Contains(s, "KEEP") || strings.Contains(s, "987654321987") {
			t.Error("the report shows what only the journal needs")
		}
		if len(s) > 64<<10 {
			t.Errorf("%d bytes", len(s))
		}
	}
}
