package report

import (
	"strconv"
	"strings"
)

// hop is one way down from a place to those inside of it.
type hop struct {
	kind  byte   // '@' an attempt of a step, '|' a branch of a PARALLEL, '>' a nested RUN, '!' a step's UNDO block
	of    string // place of the step, PARALLEL or RUN
	n     int    // number of the attempt or branch, from 1
	below string // how the places inside begin
}

const undoBlock = "@undo/"

// hops gives the ways down to a place, the outermost first: "4|2/4.1@1/4.1.1" is in branch 2 of the PARALLEL at 4,
// there in attempt 1 of the step at 4|2/4.1.
func hops(place string) []hop {
	var all []hop
	for i := 0; i < len(place); i++ {
		switch c := place[i]; c {
		case '>':
			all = append(all, hop{kind: c, of: place[:i], below: place[:i+1]})
		case '@', '|':
			if strings.HasPrefix(place[i:], undoBlock) {
				all = append(all, hop{kind: '!', of: place[:i], below: place[:i+len(undoBlock)]})
				continue
			}
			digits, _, ok := strings.Cut(place[i+1:], "/")
			n, err := strconv.Atoi(digits)
			if !ok || err != nil {
				continue
			}
			end := i + 1 + len(digits) + 1
			all = append(all, hop{kind: c, of: place[:i], n: n, below: place[:end]})
			i = end - 1
		}
	}
	return all
}

// side says whether two places are in different branches of one PARALLEL, so that both may be at work at once.
func side(a, b string) bool {
	x, y := hops(a), hops(b)
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return x[i].kind == '|' && y[i].kind == '|' && x[i].of == y[i].of
		}
	}
	return false
}

// turn is which time a loop passes a statement: 2 for "3.1~2", 0 for the first.
func turn(place string) int {
	last := place
	if all := hops(place); len(all) > 0 {
		last = place[len(all[len(all)-1].below):]
	}
	_, n, _ := strings.Cut(last, "~")
	count, err := strconv.Atoi(n)
	if err != nil || count < 2 {
		return 0
	}
	return count
}

// inBody says whether the last part of a place is a statement of the script itself, not of a FUNCTION's file.
func inBody(place string) bool {
	all := hops(place)
	last := place
	if len(all) > 0 {
		last = place[len(all[len(all)-1].below):]
	}
	return last != "" && last[0] >= '0' && last[0] <= '9'
}
