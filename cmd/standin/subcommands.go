package main

// subcommands is the list of the program's verbs, in the order in which help prints them.
func subcommands() []subcommand {
	return []subcommand{
		{name: "run", usage: "run SCRIPT [NAME=VALUE …]", summary: "run a runbook", run: (*app).run},
		{name: "plan", usage: "plan SCRIPT [NAME=VALUE …]", summary: "say what a run would do, writing nothing", run: (*app).plan},
		{name: "check", usage: "check SCRIPT…", summary: "tell every mistake of the scripts at once", run: (*app).check},
		{name: "fmt", usage: "fmt [-w|-d] SCRIPT…", summary: "lay scripts out", own: fmtCommand},
		{name: "do", usage: "do COMMAND …", summary: "carry out one command of the language", raw: true, run: (*app).do},
		{name: "repl", usage: "repl", summary: "type commands, in the middle of an incident", alone: true, run: (*app).repl},
		{name: "demo", usage: "demo [--data PATH] [--keep DIR] [--users N]", summary: "fail a small site over and back, and verify it", alone: true, own: demoCommand},
		{name: "help", usage: "help [COMMAND]", summary: "explain the program or a command of the language", run: (*app).help},
		{name: "runs", usage: "runs [--all]", summary: "list the runs of a site, oldest first", alone: true, own: runsCommand},
		{name: "show", usage: "show RUN", summary: "print a run's journal", run: (*app).show},
		{name: "site", usage: "site init|show|check|fail|heal …", summary: "make, look at, break and mend a site", own: siteCommand},
		{name: "scripts", usage: "scripts list|copy [DIR]", summary: "list the shipped runbooks or copy them out", own: scriptsCommand},
		{name: "version", usage: "version", summary: "print the program's version", alone: true, run: (*app).version},
	}
}
