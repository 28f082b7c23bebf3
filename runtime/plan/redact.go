package plan

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/standin-project/standin/runtime/value"
)

// Hidden is what stands where a secret stood.
const Hidden = "•••"

// shortestSecret is how many bytes a secret must have to be looked for in messages: a shorter one stands in too many
// words by chance. A short secret that is a secret value prints as ••• all the same.
const shortestSecret = 4

// secrets are the texts that no entry, event, plan or line may show, even if a server's or a program's own message
// carries them: the secret values that the run was given or that a command got.
type secrets struct {
	mu    sync.RWMutex
	known []string
	hide  *strings.Replacer
}

// learn adds the secrets among values.
func (s *secrets) learn(vals ...value.Value) {
	for _, v := range vals {
		if v == nil || !value.IsSecret(v) {
			continue
		}
		text, _ := value.Reveal(v)
		s.mu.Lock()
		if len(text) >= shortestSecret && !slices.Contains(s.known, text) {
			s.known = append(s.known, text)
			// The longest first, so that one that begins with another hides whole.
			slices.SortFunc(s.known, func(a, b string) int { return len(b) - len(a) })
			var pairs []string
			for _, k := range s.known {
				pairs = append(pairs, k, Hidden)
			}
			s.hide = strings.NewReplacer(pairs...)
		}
		s.mu.Unlock()
	}
}

// Learn makes the secrets among vals known to the walk that ctx belongs to: no message shows them from then on.
func Learn(ctx context.Context, vals ...value.Value) {
	if w, ok := From(ctx); ok {
		w.secrets.learn(vals...)
	}
}

// Redact gives a text, for whoever shows it outside the walk, with ••• in place of every secret that the walk knows.
func (w *Walk) Redact(text string) string { return w.secrets.text(text) }

func (s *secrets) text(t string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.hide == nil {
		return t
	}
	return s.hide.Replace(t)
}

// changes gives changes whose words are fit to be shown; what undoes them stays as it is.
func (s *secrets) changes(all []Change) []Change {
	if s.none() {
		return all
	}
	shown := slices.Clone(all)
	for i := range shown {
		c := &shown[i]
		c.What, c.From, c.To = s.text(c.What), s.text(c.From), s.text(c.To)
	}
	return shown
}

// data does the same for a command's result, as value.To gave it.
func (s *secrets) data(v any) any {
	if s.none() {
		return v
	}
	switch v := v.(type) {
	case string:
		return s.text(v)
	case []any:
		for i := range v {
			v[i] = s.data(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = s.data(v[k])
		}
	}
	return v
}

// value does the same for a command's answer that is to be printed.
func (s *secrets) value(v value.Value) value.Value {
	if s.none() {
		return v
	}
	return value.From(s.data(value.To(v)))
}

func (s *secrets) none() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.hide == nil
}
