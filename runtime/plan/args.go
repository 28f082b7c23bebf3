package plan

import (
	"time"

	"github.com/standin-project/standin/runtime/value"
)

// Has says whether the keyword or option (upper case, without - or /) was given.
func (c *Call) Has(keyword string) bool {
	for _, a := range c.Args {
		if a.Type == "keyword" && a.Name == keyword {
			return true
		}
	}
	return false
}

// Val gives the first value of the slot, nil if it was not given.
func (c *Call) Val(slot string) value.Value {
	for i, a := range c.Args {
		if a.Type != "keyword" && a.Name == slot {
			return c.Vals[i]
		}
	}
	return nil
}

// All gives the values of a repeated slot, in the order written.
func (c *Call) All(slot string) []value.Value {
	var all []value.Value
	for i, a := range c.Args {
		if a.Type != "keyword" && a.Name == slot {
			all = append(all, c.Vals[i])
		}
	}
	return all
}

// Text gives the slot as text, "" if it was not given.
func (c *Call) Text(slot string) string {
	if v := c.Val(slot); v != nil {
		s, _ := value.AsText(v)
		return s
	}
	return ""
}

// Texts gives a repeated slot as texts, in the order written.
func (c *Call) Texts(slot string) []string {
	var all []string
	for _, v := range c.All(slot) {
		s, _ := value.AsText(v)
		all = append(all, s)
	}
	return all
}

// Int gives a number, size, seconds or id slot; 0 and false if it was not given.
func (c *Call) Int(slot string) (int64, bool) {
	if v := c.Val(slot); v != nil {
		return value.AsInt(v)
	}
	return 0, false
}

// Duration gives a duration slot (a number of milliseconds in the language); or if it was not given.
func (c *Call) Duration(slot string, or time.Duration) time.Duration {
	if ms, ok := c.Int(slot); ok {
		return time.Duration(ms) * time.Millisecond
	}
	return or
}

// Secret reveals a secret slot, "" if it was not given. Only the code that sends it may call this.
func (c *Call) Secret(slot string) string {
	if v := c.Val(slot); v != nil {
		s, _ := value.Reveal(v)
		return s
	}
	return ""
}
