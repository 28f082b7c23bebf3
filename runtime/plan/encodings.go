package plan

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf16"
)

// shortestForm is how many bytes an encoded secret must have to be looked for.
const shortestForm = 8

// forms are the spellings by which a secret is looked for: itself, its lines, as it stands in a quoted text, and encoded.
func forms(secret string) []string {
	var all []string
	add := func(least int, texts ...string) {
		for _, t := range texts {
			if len(t) >= least {
				all = append(all, t)
			}
		}
	}
	quoted := strconv.Quote(secret)
	add(shortestInside, secret, quoted[1:len(quoted)-1], strings.ReplaceAll(secret, `"`, `""`),
		strings.ReplaceAll(strings.ReplaceAll(secret, `"`, `""`), "${", "$${"), html.EscapeString(secret), filterEscape(secret))
	if text, err := json.Marshal(secret); err == nil {
		add(shortestInside, string(text[1:len(text)-1]))
	}
	if lines := strings.FieldsFunc(secret, func(r rune) bool { return r == '\n' || r == '\r' }); len(lines) > 1 {
		add(shortestForm, lines...)
	}
	for _, escaped := range []string{url.QueryEscape(secret), url.PathEscape(secret)} {
		if escaped != secret {
			add(shortestForm, escaped, lowerPercent(escaped))
		}
	}
	for _, raw := range []string{secret, wide(secret), wide(`"` + secret + `"`)} { // Active Directory takes quoted UTF-16
		digits := hex.EncodeToString([]byte(raw))
		add(shortestForm, digits, strings.ToUpper(digits))
		add(shortestForm, inBase64(raw)...)
	}
	if raw, err := base64.StdEncoding.DecodeString(secret); err == nil && len(raw) >= shortestForm { // a TSIG key
		digits := hex.EncodeToString(raw)
		add(shortestForm, digits, strings.ToUpper(digits))
	}
	return all
}

// inBase64 gives what stands of a text in base64, whatever stands before and after it: user:password, for one.
func inBase64(raw string) []string {
	var all []string
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		all = append(all, enc.EncodeToString([]byte(raw)))
		bare := enc.WithPadding(base64.NoPadding)
		for before := range 3 {
			text := bare.EncodeToString([]byte(strings.Repeat("\x00", before) + raw))
			from := []int{0, 2, 3}[before] // the characters that what stands before has a part in
			to := (before + len(raw)) * 8 / 6
			if from < to {
				all = append(all, text[from:to])
			}
		}
		all = append(all, bare.EncodeToString([]byte(raw)))
	}
	return all
}

// wide gives the bytes of a text in UTF-16, as Windows spells it.
func wide(text string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(text)) {
		b.WriteByte(byte(u))
		b.WriteByte(byte(u >> 8))
	}
	return b.String()
}

// filterEscape spells a text as in a filter of LDAP (RFC 4515).
func filterEscape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if strings.IndexByte(`\*()`, text[i]) >= 0 || text[i] == 0 || text[i] >= 0x80 {
			fmt.Fprintf(&b, `\%02x`, text[i])
		} else {
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// lowerPercent spells the escapes of a URL with small digits.
func lowerPercent(text string) string {
	b := []byte(text)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(string(b[i+1:i+3])))
		}
	}
	return string(b)
}
