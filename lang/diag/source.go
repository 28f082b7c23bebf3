package diag

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

const byteOrderMark = "\ufeff"

// Position gives the line and the column of a byte offset, both from 1. Columns count characters; a byte order
// mark is none, a tab is one. An offset outside the text gives its nearest end.
func (s *Source) Position(offset int) (line, column int) {
	offset = min(max(offset, 0), len(s.Text))
	starts := s.lineStarts()
	line = sort.SearchInts(starts, offset+1)
	start := starts[line-1]
	if line == 1 && strings.HasPrefix(s.Text, byteOrderMark) {
		start = min(len(byteOrderMark), offset)
	}
	return line, utf8.RuneCountInString(s.Text[start:offset]) + 1
}

// Line gives the text of a line, from 1, without its line break and without a byte order mark; "" outside the text.
func (s *Source) Line(n int) string {
	start, end := s.lineSpan(n)
	return s.Text[start:end]
}

// Place names a span's beginning as messages do: `file:line:col`.
func (s *Source) Place(span Span) string {
	line, column := s.Position(span.Start)
	return fmt.Sprintf("%s:%d:%d", s.Name, line, column)
}

// lineSpan gives the offsets of a line without its line break.
func (s *Source) lineSpan(n int) (start, end int) {
	starts := s.lineStarts()
	if n < 1 || n > len(starts) {
		return len(s.Text), len(s.Text)
	}
	start, end = starts[n-1], len(s.Text)
	if n < len(starts) {
		end = starts[n] - 1
		if end > start && s.Text[end-1] == '\r' {
			end--
		}
	}
	if n == 1 && strings.HasPrefix(s.Text, byteOrderMark) {
		start = len(byteOrderMark)
	}
	return start, end
}

// lineStarts gives the offset of each line's first byte. They are found once: a file with a thousand mistakes asks
// for thousands of positions.
func (s *Source) lineStarts() []int {
	s.index.once.Do(func() {
		s.index.starts = append(make([]int, 0, strings.Count(s.Text, "\n")+1), 0)
		for i := 0; i < len(s.Text); i++ {
			next := strings.IndexByte(s.Text[i:], '\n')
			if next < 0 {
				break
			}
			i += next
			s.index.starts = append(s.index.starts, i+1)
		}
	})
	return s.index.starts
}
