package syntax

import (
	"reflect"
	"slices"

	"github.com/standin-project/standin/lang/diag"
)

// Equal says whether two scripts are the same but for where everything stands: statement by statement, and comment
// by comment.
func Equal(a, b *File) bool {
	return slices.EqualFunc(a.Comments, b.Comments, func(a, b Comment) bool { return commentText(a) == commentText(b) }) &&
		same(reflect.ValueOf(a.Body), reflect.ValueOf(b.Body))
}

var spanType = reflect.TypeFor[diag.Span]()

// same compares the nodes of two trees, spans apart.
func same(a, b reflect.Value) bool {
	if a.IsValid() != b.IsValid() || a.IsValid() && a.Type() != b.Type() {
		return false
	}
	switch a.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Interface, reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return same(a.Elem(), b.Elem())
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !same(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Struct:
		if a.Type() == spanType {
			return true
		}
		for i := range a.NumField() {
			if !same(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	}
	return a.Equal(b)
}
