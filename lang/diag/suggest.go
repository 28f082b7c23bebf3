package diag

import (
	"slices"
	"strings"
)

// Suggest gives the candidate that somebody who wrote word most likely meant, "" if none is close. Case does not
// count; a beginning of at least three letters counts as one mistake. Of equally close ones the first wins.
func Suggest(word string, candidates []string) string {
	typed := []rune(strings.ToLower(word))
	best, bestDistance := "", len(typed)+1
	for _, candidate := range candidates {
		meant := []rune(strings.ToLower(candidate))
		bound := min(max(len(typed), len(meant))/3, bestDistance-1)
		if len(typed) >= 3 && bestDistance > 1 && len(meant) > len(typed) && slices.Equal(typed, meant[:len(typed)]) {
			best, bestDistance = candidate, 1
			continue
		}
		if d := distance(typed, meant, bound); d <= bound {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is the number of letters to add, drop, replace or swap with their neighbour (Damerau and Levenshtein's,
// each place touched once). Above the bound it is only known to be larger than that.
func distance(a, b []rune, bound int) int {
	if bound < 0 || len(a)-len(b) > bound || len(b)-len(a) > bound {
		return bound + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least > bound {
			return bound + 1
		}
	}
	return row[len(b)]
}
