package value_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/standin-project/standin/runtime/value"
)

func TestHasCode(t *testing.T) {
	gone := fmt.Errorf("reading: %w", value.Failf(value.CodeNotThere, "no such thing"))
	for _, c := range []struct {
		err   error
		codes []int
		want  bool
	}{
		{gone, []int{value.CodeNotThere}, true},
		{gone, []int{value.CodeTimeout, value.CodeNotThere}, true},
		{gone, []int{value.CodeTimeout}, false},
		{gone, nil, false},
		{errors.New("other"), []int{value.CodeUnknown}, false},
		{nil, []int{value.CodeUnknown}, false},
	} {
		if got := value.HasCode(c.err, c.codes...); got != c.want {
			t.Errorf("HasCode(%v, %v) is %v, want %v", c.err, c.codes, got, c.want)
		}
	}
}
