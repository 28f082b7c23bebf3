package directory

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
)

// WriteLDIF writes entries as LDIF content records, in the order given.
func WriteLDIF(w io.Writer, entries ...*Entry) error {
	b := bufio.NewWriter(w)
	for _, e := range entries {
		ldifLine(b, "dn", e.DN)
		for _, a := range e.Attrs {
			for _, v := range a.Values {
				ldifLine(b, a.Name, v)
			}
		}
		b.WriteByte('\n')
	}
	return b.Flush()
}

// WriteLDIFChange writes a modification as an LDIF change record.
func WriteLDIFChange(w io.Writer, m Modification) error {
	b := bufio.NewWriter(w)
	ldifLine(b, "dn", m.DN)
	ldifLine(b, "changetype", "modify")
	for _, e := range m.Edits {
		for _, half := range []struct {
			verb   string
			values []string
		}{{"delete", e.Old}, {"add", e.New}} {
			if len(half.values) == 0 {
				continue
			}
			ldifLine(b, half.verb, e.Attr)
			for _, v := range half.values {
				ldifLine(b, e.Attr, v)
			}
			b.WriteString("-\n")
		}
	}
	b.WriteByte('\n')
	return b.Flush()
}

func ldifLine(b *bufio.Writer, name, v string) {
	if safe(v) {
		fmt.Fprintf(b, "%s: %s\n", name, v)
	} else {
		fmt.Fprintf(b, "%s:: %s\n", name, base64.StdEncoding.EncodeToString([]byte(v)))
	}
}

// safe is RFC 2849's SAFE-STRING without blanks at the end.
func safe(v string) bool {
	for i := 0; i < len(v); i++ {
		if c := v[i]; c == 0 || c == '\n' || c == '\r' || c >= 0x80 {
			return false
		}
	}
	return v == "" || !strings.ContainsRune(" :<", rune(v[0])) && v[len(v)-1] != ' '
}

// LDIFReader reads LDIF records one after another.
type LDIFReader struct {
	lines *bufio.Scanner
	line  int
}

// NewLDIFReader reads from r.
func NewLDIFReader(r io.Reader) *LDIFReader {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), 64<<20)
	return &LDIFReader{lines: lines}
}

// Entry reads the next content record; io.EOF at the end.
func (r *LDIFReader) Entry() (*Entry, error) {
	record, err := r.record()
	if err != nil {
		return nil, err
	}
	e := &Entry{DN: record[0].Values[0]}
	for _, a := range record[1:] {
		if n := len(e.Attrs); n > 0 && strings.EqualFold(e.Attrs[n-1].Name, a.Name) {
			e.Attrs[n-1].Values = append(e.Attrs[n-1].Values, a.Values[0])
		} else {
			e.Attrs = append(e.Attrs, a)
		}
	}
	return e, nil
}

// Change reads the next change record; io.EOF at the end. A record that was cut off is an error.
func (r *LDIFReader) Change() (Modification, error) {
	record, err := r.record()
	if err != nil {
		return Modification{}, err
	}
	m := Modification{DN: record[0].Values[0]}
	if len(record) < 2 || record[1].Name != "changetype" || record[1].Values[0] != "modify" {
		return m, fmt.Errorf("line %d: got no changetype, want modify", r.line)
	}
	for i := 2; i < len(record); {
		verb, attr := record[i].Name, record[i].Values[0]
		var values []string
		for i++; i < len(record) && record[i].Name != "-"; i++ {
			values = append(values, record[i].Values[0])
		}
		if i == len(record) {
			return m, fmt.Errorf("line %d: change of %q is cut off", r.line, m.DN)
		}
		i++
		switch n := len(m.Edits); {
		case verb == "delete":
			m.Edits = append(m.Edits, Edit{Attr: attr, Old: values})
		case verb == "add" && n > 0 && m.Edits[n-1].Attr == attr && m.Edits[n-1].New == nil:
			m.Edits[n-1].New = values
		case verb == "add":
			m.Edits = append(m.Edits, Edit{Attr: attr, New: values})
		default:
			return m, fmt.Errorf("line %d: got %q, want add or delete", r.line, verb)
		}
	}
	return m, nil
}

// record reads the lines up to the next blank one as name and value; a "-" line has only its name. A record whose
// blank line is missing was cut off.
func (r *LDIFReader) record() ([]Attr, error) {
	var record []Attr
	for r.lines.Scan() {
		r.line++
		line := r.lines.Text()
		switch {
		case line == "" && record != nil:
			return record, nil
		case line == "" || line[0] == '#':
		case line == "-":
			record = append(record, Attr{Name: "-", Values: []string{""}})
		default:
			name, v, err := ldifValue(line)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", r.line, err)
			}
			if record == nil && name != "dn" {
				return nil, fmt.Errorf("line %d: got %q, want dn", r.line, name)
			}
			record = append(record, Attr{Name: name, Values: []string{v}})
		}
	}
	if err := r.lines.Err(); err != nil {
		return nil, err
	}
	if record != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return nil, io.EOF
}

func ldifValue(line string) (name, v string, err error) {
	name, v, ok := strings.Cut(line, ":")
	if !ok {
		return "", "", fmt.Errorf("got %q, want name: value", line)
	}
	if coded, ok := strings.CutPrefix(v, ":"); ok {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(coded))
		return name, string(raw), err
	}
	return name, strings.TrimPrefix(v, " "), nil
}
