// Package value holds the values of the language: numbers, texts, truths, none, lists, maps, secrets and unknowns.
//
// Every value is a Tengo object whose operators carry the language's rules, so that arithmetic stays inside the VM.
package value

import "github.com/d5/tengo/v2"

// Value is any value of the language. Values are immutable.
type Value = tengo.Object
