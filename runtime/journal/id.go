package journal

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// Base is how the IDs of runs begin that are made at this moment: a UTC time, so that they sort by age.
func Base() string { return time.Now().UTC().Format("20060102-150405") }

// ID is the ID to try for a run: the base the first time, then numbers after it. Where many runs begin in one second
// they are far apart, so that a thousand do not try all of each other's.
func ID(base string, try int) string {
	const near = 9
	switch {
	case try == 1:
		return base
	case try <= near:
		return base + "-" + strconv.Itoa(try)
	}
	return base + "-" + strconv.Itoa(near+1+rand.IntN(1<<min(try, 30)))
}
