// Package watchtest reads what watch writes as strictly as any scraper would, for tests.
package watchtest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Sample is one line of the text format as a strict reader takes it.
type Sample struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// named says whether a text is a name of the format: letters, digits and underscores, and the colon of a metric's.
func named(text string, colon bool) bool {
	for i, c := range text {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || colon && c == ':'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return text != ""
}

// ParseMetrics reads Prometheus' text format, version 0.0.4, and refuses everything that the format does not allow: a sample
// without its HELP and TYPE, a family told twice, a series told twice, a value that is no number.
func ParseMetrics(text string) ([]Sample, error) {
	if !strings.HasSuffix(text, "\n") {
		return nil, errors.New("the text does not end with a newline")
	}
	var all []Sample
	help, kind, series := map[string]bool{}, map[string]string{}, map[string]bool{}
	current := ""
	for n, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		fail := func(why string) error { return fmt.Errorf("line %d: %s: %q", n+1, why, line) }
		if words := strings.SplitN(line, " ", 4); words[0] == "#" {
			if len(words) != 4 || !named(words[2], true) {
				return nil, fail("no HELP or TYPE")
			}
			switch name := words[2]; words[1] {
			case "HELP":
				if help[name] {
					return nil, fail("told twice")
				}
				help[name], current = true, name
			case "TYPE":
				if kind[name] != "" || current != name || words[3] != "gauge" && words[3] != "counter" {
					return nil, fail("a TYPE in the wrong place or of no kind")
				}
				kind[name] = words[3]
			default:
				return nil, fail("a comment that is neither")
			}
			continue
		}
		s, err := parseSample(line)
		if err != nil {
			return nil, fail(err.Error())
		}
		if kind[s.Name] == "" || s.Name != current {
			return nil, fail("a sample outside its family")
		}
		if key := fmt.Sprint(s.Name, s.Labels); series[key] {
			return nil, fail("a series told twice")
		} else {
			series[key] = true
		}
		all = append(all, s)
	}
	return all, nil
}

func parseSample(line string) (Sample, error) {
	s := Sample{Labels: map[string]string{}}
	i := strings.IndexAny(line, "{ ")
	if i < 0 {
		return s, errors.New("no value")
	}
	s.Name = line[:i]
	if !named(s.Name, true) {
		return s, errors.New("no metric name")
	}
	rest := line[i:]
	if rest[0] == '{' {
		var err error
		if rest, err = parseLabels(rest[1:], s.Labels); err != nil {
			return s, err
		}
	}
	text, ok := strings.CutPrefix(rest, " ")
	if !ok {
		return s, errors.New("no blank before the value")
	}
	v, err := strconv.ParseFloat(text, 64)
	s.Value = v
	return s, err
}

func parseLabels(rest string, into map[string]string) (string, error) {
	for {
		name, after, ok := strings.Cut(rest, `="`)
		if !ok || !named(name, false) {
			return "", errors.New("no label name")
		}
		if _, twice := into[name]; twice {
			return "", errors.New("a label twice")
		}
		var b strings.Builder
		i := 0
		for ; i < len(after) && after[i] != '"'; i++ {
			if after[i] != '\\' {
				b.WriteByte(after[i])
				continue
			}
			if i++; i == len(after) {
				return "", errors.New("an open escape")
			}
			plain, ok := map[byte]byte{'\\': '\\', '"': '"', 'n': '\n'}[after[i]]
			if !ok {
				return "", errors.New("an unknown escape")
			}
			b.WriteByte(plain)
		}
		if i == len(after) {
			return "", errors.New("an open label")
		}
		into[name] = b.String()
		switch rest = after[i+1:]; {
		case strings.HasPrefix(rest, "}"):
			return rest[1:], nil
		case strings.HasPrefix(rest, ","):
			rest = rest[1:]
		default:
			return "", errors.New("no end of the labels")
		}
	}
}
