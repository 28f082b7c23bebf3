package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/builtins/def"
)

// help explains the program, or a command, statement or function of the language.
func (a *app) help(_ context.Context, args []string) error {
	if len(args) == 0 {
		return a.helpAll()
	}
	text, err := a.explainWords(args)
	var call *wrongCall
	if errors.As(err, &call) || errors.As(err, new(ended)) { // about the site file
		return err
	}
	if err != nil {
		return wrong("standin help commands lists them all", "%v", err)
	}
	if a.json {
		return a.encode(map[string]string{"topic": strings.Join(args, " "), "text": text})
	}
	_, err = fmt.Fprint(a.stdout, text)
	return err
}

// helpAll explains the program, or with --json lists its subcommands.
func (a *app) helpAll() error {
	if !a.json {
		a.usage(a.stdout)
		return nil
	}
	for _, s := range subcommands() {
		if err := a.encode(map[string]string{"subcommand": s.name, "usage": s.usage, "summary": s.summary}); err != nil {
			return err
		}
	}
	return nil
}

// explainWords is HELP in the REPL and `standin help`: the whole list, or what begins with these words.
func (a *app) explainWords(words []string) (string, error) {
	if len(words) == 1 && strings.EqualFold(words[0], "rules") {
		return a.helpRules()
	}
	all := builtins.All(builtins.Systems{})
	if len(words) == 0 || len(words) == 1 && strings.EqualFold(words[0], "commands") {
		return def.Index(all), nil
	}
	return def.Explain(all, words)
}
