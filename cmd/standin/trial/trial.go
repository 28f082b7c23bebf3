// Package trial makes sites and scripts out of a seed, for tests of what must hold for every script on every site. The
// same seed always makes the same ones. It knows the language and the fresh site, and nothing of the program's insides.
package trial

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Script is a generated script with the scripts that it RUNs.
type Script struct {
	Seed  uint64
	Files []*File // the one to run comes first
}

// File is one file of a Script.
type File struct {
	Name string
	Body []*Block
}

// Block is one statement: a line, or parts that each have a head and a body, as IF … THEN, ELSE and END.
type Block struct {
	Parts []Part
	End   string // "" for a statement of one line
	// With stands behind the statement and belongs to it: Shrink never leaves out the one without the other.
	With []*Block
	// Fixed is what Shrink leaves as it is.
	Fixed bool
}

// Part is a head with the statements below it.
type Part struct {
	Head string
	Body []*Block
}

// line is a statement of one line.
func line(format string, args ...any) *Block {
	return &Block{Parts: []Part{{Head: fmt.Sprintf(format, args...)}}}
}

// block is a statement with a body.
func block(head string, body []*Block) *Block {
	return &Block{Parts: []Part{{head, body}}, End: "END"}
}

// also adds a part, such as ELSE.
func (b *Block) also(head string, body []*Block) *Block {
	b.Parts = append(b.Parts, Part{head, body})
	return b
}

// Text is a file as it is written.
func (f *File) Text() string {
	var b strings.Builder
	write(&b, f.Body, "")
	return b.String()
}

func write(b *strings.Builder, body []*Block, in string) {
	for _, s := range body {
		for _, p := range s.Parts {
			fmt.Fprintf(b, "%s%s\n", in, p.Head)
			write(b, p.Body, in+"    ")
		}
		if s.End != "" {
			fmt.Fprintf(b, "%s%s\n", in, s.End)
		}
		write(b, s.With, in)
	}
}

// String is all files, one after the other, each below its name.
func (s *Script) String() string {
	var b strings.Builder
	for _, f := range s.Files {
		fmt.Fprintf(&b, "-- %s --\n%s", f.Name, f.Text())
	}
	return b.String()
}

// clone copies a script deeply, so that the copy can be cut.
func (s *Script) clone() *Script {
	c := &Script{Seed: s.Seed}
	for _, f := range s.Files {
		c.Files = append(c.Files, &File{f.Name, cloned(f.Body)})
	}
	return c
}

func cloned(body []*Block) []*Block {
	all := make([]*Block, len(body))
	for i, b := range body {
		c := &Block{End: b.End, With: b.With, Fixed: b.Fixed} // nothing cuts With: it may be shared
		for _, p := range b.Parts {
			c.Parts = append(c.Parts, Part{p.Head, cloned(p.Body)})
		}
		all[i] = c
	}
	return all
}

// Shrink gives the smallest script that it finds which still fails, by leaving out statements and by putting a block's
// body in its place. It asks fails at the most so many times; a script that is not a correct one does not fail.
func Shrink(s *Script, tries int, fails func(*Script) bool) *Script {
	for smaller := true; smaller; {
		smaller = false
		for at := 0; tries > 0; {
			c := s.clone()
			if !c.cut(at) {
				break
			}
			tries--
			if fails(c) {
				s, smaller = c, true
			} else {
				at++
			}
		}
	}
	return s
}

// cut makes the script smaller in the way of that number; false when there is none. The first ways leave out most.
func (s *Script) cut(way int) bool {
	for i := 1; i < len(s.Files); i++ {
		if way == 0 {
			s.Files = slices.Delete(s.Files, i, i+1)
			return true
		}
		way--
	}
	for _, f := range s.Files {
		if cut(&f.Body, &way) {
			return true
		}
	}
	return false
}

func cut(body *[]*Block, way *int) bool {
	for i, b := range *body {
		if b.Fixed {
			continue
		}
		if *way == 0 {
			*body = slices.Delete(*body, i, i+1)
			return true
		}
		*way--
		if b.End != "" {
			for p := range b.Parts {
				if *way == 0 {
					*body = slices.Replace(*body, i, i+1, slices.Concat(b.Parts[p].Body, b.With)...)
					return true
				}
				*way--
			}
			for p := 1; p < len(b.Parts); p++ {
				if *way == 0 {
					b.Parts = slices.Delete(b.Parts, p, p+1)
					return true
				}
				*way--
			}
		}
		for p := range b.Parts {
			if cut(&b.Parts[p].Body, way) {
				return true
			}
		}
	}
	return false
}

// dice is a seed's random numbers.
type dice struct{ *rand.Rand }

func roll(seed, stream uint64) dice { return dice{rand.New(rand.NewPCG(seed, stream))} }

// chance is true in so many of a hundred cases.
func (d dice) chance(percent int) bool { return d.IntN(100) < percent }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }
