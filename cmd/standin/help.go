package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/builtins/def"
)

// help explains the program, or a command, statement or function of the language.
func (a *app) help(_ context.Context, args []string) error {
	if len(args) == 0 {
		a.usage(a.stdout)
		return nil
	}
	text, err := a.explainWords(args)
	if err != nil {
		return wrong("standin help commands lists them all", "%v", err)
	}
	_, err = fmt.Fprint(a.stdout, text)
	return err
}

// explainWords is HELP in the REPL and `standin help`: the whole list, or what begins with these words.
func (a *app) explainWords(words []string) (string, error) {
	all := builtins.All(builtins.Systems{})
	if len(words) == 0 || len(words) == 1 && strings.EqualFold(words[0], "commands") {
		return def.Index(all), nil
	}
	return def.Explain(all, words)
}
