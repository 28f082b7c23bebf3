package plan

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/standin-project/standin/runtime/value"
)

// Hidden is what stands where a secret stood.
const Hidden = "•••"

// shortestInside is how many bytes a secret must have to be looked for inside words: a shorter one stands in too many by
// chance, and is hidden only where it stands alone.
const shortestInside = 4

// Secrets are texts that no entry, event, plan or line may show, even if a server's or a program's own message carries
// them, as they are or in one of the encodings of the protocols: the secret values that a process was given or that a
// command got. The zero value knows none. It may be used by several goroutines and shared by all walks of a process.
type Secrets struct {
	// First, if not nil, is called as soon as the first secret is known.
	First func()

	mu    sync.RWMutex
	known map[string]bool
	forms []string // the longest first
	short []string
	hide  *strings.Replacer
}

// Learn makes the secrets among values known, also those in lists and maps.
func (s *Secrets) Learn(vals ...value.Value) {
	for _, v := range vals {
		if value.IsSecret(v) {
			text, _ := value.Reveal(v)
			s.add(text)
		} else if list, ok := value.AsList(v); ok {
			s.Learn(list...)
		} else if members, ok := value.AsMap(v); ok {
			for _, m := range members {
				s.Learn(m)
			}
		}
	}
}

func (s *Secrets) add(text string) {
	s.mu.RLock()
	had := text == "" || s.known[text]
	s.mu.RUnlock()
	if had {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[string]bool{}
		if s.First != nil {
			s.First()
		}
	}
	s.known[text] = true
	if len(text) < shortestInside {
		s.short = append(s.short, text)
	}
	s.forms = append(s.forms, forms(text)...)
	// The longest first, so that one that begins with another hides whole.
	slices.SortFunc(s.forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	s.forms = slices.Compact(s.forms)
	pairs := make([]string, 0, 2*len(s.forms))
	for _, f := range s.forms {
		pairs = append(pairs, f, Hidden)
	}
	s.hide = strings.NewReplacer(pairs...)
}

// Redact gives a text with ••• in place of every secret.
func (s *Secrets) Redact(text string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.hide == nil || text == "" {
		return text
	}
	text = s.hide.Replace(text)
	for _, short := range s.short {
		text = alone(text, short)
	}
	return text
}

// Holds says whether a text carries a secret.
func (s *Secrets) Holds(text string) bool { return s.Redact(text) != text }

// alone hides a short secret where no letter or digit goes on with it.
func alone(text, secret string) string {
	if !strings.Contains(text, secret) {
		return text
	}
	var b strings.Builder
	from := 0
	for {
		i := strings.Index(text[from:], secret)
		if i < 0 {
			b.WriteString(text[from:])
			return b.String()
		}
		at, end := from+i, from+i+len(secret)
		b.WriteString(text[from:at])
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[end:])
		first, _ := utf8.DecodeRuneInString(secret)
		last, _ := utf8.DecodeLastRuneInString(secret)
		if inWord(before) && inWord(first) || inWord(after) && inWord(last) {
			b.WriteString(secret)
		} else {
			b.WriteString(Hidden)
		}
		from = end
	}
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }

// Learn makes the secrets among vals known to the walk that ctx belongs to: no message shows them from then on.
func Learn(ctx context.Context, vals ...value.Value) {
	if w, ok := From(ctx); ok {
		w.secrets.Learn(vals...)
	}
}

// Redact gives a text, for whoever shows it outside the walk, with ••• in place of every secret that the walk knows.
func (w *Walk) Redact(text string) string { return w.secrets.Redact(text) }

func (s *Secrets) text(t string) string { return s.Redact(t) }

// entry hides the secrets in what a journal keeps.
func (s *Secrets) entry(e *Entry) {
	for _, text := range []*string{&e.Command, &e.Error, &e.Hint, &e.Text, &e.Reason, &e.What} {
		*text = s.Redact(*text)
	}
	e.Changes, e.Result = s.changes(e.Changes), s.data(e.Result)
}

// event hides the secrets in what watchers see.
func (s *Secrets) event(e *Event) {
	e.Text, e.Error, e.Changes = s.Redact(e.Text), s.Redact(e.Error), s.changes(e.Changes)
}

// changes gives changes whose words are fit to be shown; what undoes them stays as it is.
func (s *Secrets) changes(all []Change) []Change {
	if s.none() {
		return all
	}
	shown := slices.Clone(all)
	for i := range shown {
		c := &shown[i]
		c.What, c.From, c.To = s.Redact(c.What), s.Redact(c.From), s.Redact(c.To)
	}
	return shown
}

// data does the same for a command's result, as value.To gave it.
func (s *Secrets) data(v any) any {
	if s.none() {
		return v
	}
	switch v := v.(type) {
	case string:
		return s.Redact(v)
	case []any:
		for i := range v {
			v[i] = s.data(v[i])
		}
	case map[string]any:
		shown := make(map[string]any, len(v))
		for k, member := range v {
			shown[s.Redact(k)] = s.data(member)
		}
		return shown
	}
	return v
}

// value does the same for a command's answer that is to be printed.
func (s *Secrets) value(v value.Value) value.Value {
	if s.none() {
		return v
	}
	return value.From(s.data(value.To(v)))
}

func (s *Secrets) none() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.hide == nil
}
