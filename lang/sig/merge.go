package sig

import (
	"slices"
	"strings"
)

// Usage is the merged usage of the commands that begin with these words, "" if there is none.
func (s *Set) Usage(words ...string) string {
	if len(words) == 0 {
		return ""
	}
	forms, _ := s.forms(words[0])
	var fitting []*Form
	for _, f := range forms {
		n := min(len(words), len(f.elements))
		if slices.EqualFunc(words[:n], f.elements[:n], func(w string, e *node) bool {
			return e.kind != word || strings.EqualFold(w, e.text)
		}) {
			fitting = append(fitting, f)
		}
	}
	return mergedUsage(fitting)
}

// mergedUsage writes several usage lines as one: what they begin and end with once, the rest as alternatives.
func mergedUsage(forms []*Form) string {
	var lines [][]string
	for _, f := range forms {
		var line []string
		for _, e := range f.elements {
			line = append(line, e.text)
		}
		lines = append(lines, line)
	}
	usage := ""
	for depth := 2; depth >= 0; depth-- {
		if usage = strings.Join(merge(lines, depth), " "); len(usage) <= maxUsage {
			break
		}
	}
	return usage
}

// maxUsage is the length of a merged usage that still helps; a longer one shows fewer alternatives of alternatives.
const maxUsage = 200

// merge gives the elements of one line that stands for all. depth is how deep alternatives show theirs; below it stands ….
func merge(lines [][]string, depth int) []string {
	if len(lines) == 0 {
		return nil
	}
	shortest := slices.MinFunc(lines, func(a, b []string) int { return len(a) - len(b) })
	same := func(at func(line []string) string) bool {
		return !slices.ContainsFunc(lines, func(line []string) bool { return at(line) != at(lines[0]) })
	}
	head, tail := 0, 0
	for head < len(shortest) && same(func(line []string) string { return line[head] }) {
		head++
	}
	for tail < len(shortest)-head && same(func(line []string) string { return line[len(line)-1-tail] }) {
		tail++
	}
	var middles [][]string
	for _, line := range lines {
		middles = append(middles, line[head:len(line)-tail])
	}
	merged := slices.Clone(lines[0][:head])
	if choice := alternatives(middles, depth); choice != "" {
		merged = append(merged, choice)
	}
	return append(merged, lines[0][len(lines[0])-tail:]...)
}

// alternatives writes (a | b), or [a | b] if one of the lines is empty, with the lines that begin alike as one.
func alternatives(lines [][]string, depth int) string {
	var firsts []string
	groups := map[string][][]string{}
	opening, closing := "(", ")"
	for _, line := range lines {
		if len(line) == 0 {
			opening, closing = "[", "]"
			continue
		}
		if groups[line[0]] == nil {
			firsts = append(firsts, line[0])
		}
		groups[line[0]] = append(groups[line[0]], line)
	}
	if len(firsts) == 0 {
		return ""
	}
	var choices []string
	for _, f := range firsts {
		switch group := groups[f]; {
		case depth == 0 && len(group[0]) > 1 || depth == 1 && len(group) > 1:
			choices = append(choices, f+" …")
		default:
			choices = append(choices, strings.Join(merge(group, depth-1), " "))
		}
	}
	return opening + strings.Join(choices, " | ") + closing
}
