package plan_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// spellings are the ways in which servers and programs give back what they were sent.
var spellings = map[string]func(string) string{
	"plain":        func(s string) string { return s },
	"in a word":    func(s string) string { return "xx" + s + "yy" },
	"quoted by Go": strconv.Quote,
	"JSON":         func(s string) string { text, _ := json.Marshal(s); return string(text) },
	"base64":       func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"raw base64":   func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"basic":        func(s string) string { return base64.StdEncoding.EncodeToString([]byte("admin:" + s)) },
	"basic, 1":     func(s string) string { return base64.StdEncoding.EncodeToString([]byte("adm:" + s + "!")) },
	"basic, 2":     func(s string) string { return base64.URLEncoding.EncodeToString([]byte("admi:" + s + "!!")) },
	"hex":          func(s string) string { return hex.EncodeToString([]byte(s)) },
	"HEX":          func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"query":        url.QueryEscape,
	"path":         url.PathEscape,
	"HTML":         html.EscapeString,
	"a script":     func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` },
	"unicodePwd": func(s string) string {
		var b []byte
		for _, u := range utf16.Encode([]rune(`"` + s + `"`)) {
			b = append(b, byte(u), byte(u>>8))
		}
		return base64.StdEncoding.EncodeToString(b)
	},
}

// Whatever a secret is and however a message spells it, the message is shown without it; other words stay.
func TestNoSpellingOfASecretIsShown(t *testing.T) {
	const letters = `abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 !"#$%&'()*+,-./:;<=>?@[\]^_{|}~äß€🔑`
	all := []rune(letters)
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		var b strings.Builder
		for range 6 + r.IntN(30) {
			b.WriteRune(all[r.IntN(len(all))])
		}
		secret := "Q" + b.String() + "Z" // no blank at its ends, which a message could share
		var s plan.Secrets
		s.Learn(value.List(value.Text("no secret"), value.Map(map[string]value.Value{"k": value.Secret(secret)})))
		for how, spell := range spellings {
			message := "the server said: " + spell(secret) + ": no"
			got := s.Redact(message)
			if strings.Contains(got, spell(secret)) || !strings.Contains(got, plan.Hidden) || !strings.HasPrefix(got, "the server said: ") || !strings.HasSuffix(got, ": no") {
				t.Errorf("seed %d, %s of %q: %q shows as %q", seed, how, secret, message, got)
			}
			// What is left of it is what stood around the secret, and the characters in which both have a part.
			if left := len(strings.ReplaceAll(got, plan.Hidden, "")) - len("the server said: : no"); left > 16 {
				t.Errorf("seed %d, %s of %q: %d bytes of %q still show", seed, how, secret, left, got)
			}
		}
		if other := "nothing of it is here: Qabc"; s.Redact(other) != other {
			t.Errorf("seed %d: %q shows as %q", seed, other, s.Redact(other))
		}
	}
}

// A short secret is hidden where it stands alone, and does not cut other words to pieces.
func TestShortSecretsAreHiddenWhereTheyStandAlone(t *testing.T) {
	var s plan.Secrets
	s.Learn(value.Secret("ab1"), value.Secret("#"), value.Secret(""))
	for _, c := range [][2]string{
		{"ab1", "•••"}, {"got ab1, want", "got •••, want"}, {`"ab1"`, `"•••"`}, {"user:ab1@east", "user:•••@east"}, {"ab1ab1", "ab1ab1"},
		{"cab1n", "cab1n"}, {"ab12", "ab12"}, {"a # b", "a ••• b"}, {"äab1", "äab1"}, {"", ""},
	} {
		if got := s.Redact(c[0]); got != c[1] {
			t.Errorf("%q shows as %q, want %q", c[0], got, c[1])
		}
	}
}

// Every line of a key in several lines is a secret, and so are the bytes that a TSIG key stands for.
func TestPartsOfASecretAreSecret(t *testing.T) {
	var s plan.Secrets
	s.Learn(value.Secret("-----BEGIN KEY-----\r\nMIIEvQIBADANBgkq\nhkiG9w0BAQEF\n"), value.Secret("c2VjcmV0IGtleSBvZiB6b25l"))
	for _, text := range []string{"at MIIEvQIBADANBgkq", "at hkiG9w0BAQEF", hex.EncodeToString([]byte("secret key of zone"))} {
		if got := s.Redact(text); !strings.Contains(got, plan.Hidden) || strings.Contains(got, "MII") {
			t.Errorf("%q shows as %q", text, got)
		}
	}
}

// What a process learns from one run it hides in all, and it is told of the first secret once.
func TestRunsOfAProcessShareItsSecrets(t *testing.T) {
	first := 0
	all := &plan.Secrets{First: func() { first++ }}
	var events []string
	c := plan.Config{Hide: all, Lookup: newBoard(nil).lookup, Journal: &notebook{}, Out: io.Discard, Events: func(e plan.Event) { events = append(events, e.Text) }}
	if err := run(t.Context(), t, `SET a TO 1;`, c); err != nil || first != 0 {
		t.Fatal(err, first)
	}
	c.Secrets = []value.Value{value.Secret("sesame!"), value.Secret("more")}
	if err := run(t.Context(), t, `SET a TO 2;`, c); err != nil || first != 1 {
		t.Fatal(err, first)
	}
	c.Secrets = nil
	note := &notebook{}
	c.Journal = note
	if err := run(t.Context(), t, `SET sesame! TO more; WRITE "sesame! opens";`, c); err != nil || first != 1 {
		t.Fatal(err, first)
	}
	if text := fmt.Sprintf("%+v %q", note.entries, events); strings.Contains(text, "sesame") || strings.Contains(text, "more") {
		t.Error(text)
	}
}

// No field of a journal's entry shows a secret.
func TestNoFieldOfAnEntryShowsASecret(t *testing.T) {
	const secret = "sesame-7!"
	note := &notebook{}
	lookup := func(s *sig.Signature) (*plan.Record, error) {
		return &plan.Record{
			Read: func(context.Context, *plan.Call) (value.Value, error) {
				return value.From(map[string]any{"as " + secret: []any{secret, 1, map[string]any{"x": "is " + secret}}}), nil
			},
			Observe: func(ctx context.Context, _ *plan.Call) (*plan.Action, error) {
				if err := plan.Breach(ctx, plan.Refusal{Rule: "r", Found: secret, Wanted: "no " + secret}); err != nil {
					return nil, err
				}
				return &plan.Action{Done: plan.No, Changes: []plan.Change{{System: "board", What: secret, From: secret, To: secret}},
					Do: func(context.Context) (value.Value, error) {
						return nil, value.Failf(value.CodeFailed, "no %s", secret).Hint("try %s", secret)
					}}, nil
			},
		}, nil
	}
	c := plan.Config{
		Lookup: lookup, Journal: note, Out: io.Discard, Secrets: []value.Value{value.Secret(secret)},
		Overrides: plan.Overrides{Reasons: map[string]string{"r": "because of " + secret}}, Events: func(e plan.Event) {
			if text := fmt.Sprintf("%+v", e); strings.Contains(text, secret) {
				t.Error(text)
			}
		},
	}
	err := run(t.Context(), t, `$x = GET a; STEP "with `+secret+`" DO SET a TO b; END`, c)
	if err == nil || len(note.entries) < 4 {
		t.Fatal(err, note.entries)
	}
	for _, e := range note.entries {
		if text, err := json.Marshal(e); err != nil || strings.Contains(string(text), secret) {
			t.Errorf("%v %s", err, text)
		}
	}
}
