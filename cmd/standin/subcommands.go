package main

import "github.com/standin-project/standin/runtime/plan"

// subcommands is the list of the program's verbs, in the order in which help prints them.
func subcommands() []subcommand {
	return []subcommand{
		{name: "run", usage: "run SCRIPT [NAME=VALUE …]", summary: "run a runbook", own: breaking(overriding(runCommand))},
		{name: "plan", usage: "plan SCRIPT [-o FILE] [NAME=VALUE …]", summary: "say what a run would do, or with --run what is left of one", own: overriding(planCommand)},
		{name: "check", usage: "check SCRIPT…", summary: "tell every mistake of the scripts at once", run: (*app).check},
		{name: "fmt", usage: "fmt [-w|-d] SCRIPT…", summary: "lay scripts out", own: fmtCommand},
		{name: "do", usage: "do COMMAND …", summary: "carry out one command of the language", raw: true, run: (*app).do},
		{name: "repl", usage: "repl", summary: "type commands, in the middle of an incident", alone: true, run: (*app).repl},
		{name: "demo", usage: "demo [--data PATH] [--keep DIR] [--users N]", summary: "fail a small site over and back, and verify it", alone: true, own: demoCommand},
		{name: "help", usage: "help [COMMAND]", summary: "explain the program or a command of the language", run: (*app).help},
		{name: "runs", usage: "runs [--all] [merge]", summary: "list the runs of a site, oldest first, or merge those of --break-glass", own: runsCommand},
		{name: "resume", usage: "resume RUN", summary: "go on with a run that was killed, was stopped, waits or failed", own: breaking(overriding(resumeCommand))},
		{name: "undo", usage: "undo RUN [--to STEP]", summary: "take back what a run has changed, last first", own: breaking(overriding(undoCommand))},
		{name: "stop", usage: "stop RUN", summary: "stop a run after the step at hand", run: order(plan.OrderStop, notRunning)},
		{name: "cancel", usage: "cancel RUN", summary: "stop a run and take back what it has changed", run: order(plan.OrderCancel, undoGone)},
		{name: "kill", usage: "kill RUN", summary: "cut a run's command short and leave everything as it is", run: order(plan.OrderKill, notRunning)},
		{name: "retry", usage: "retry RUN", summary: "try the step that failed again", run: order(plan.OrderRetry, goOn(plan.OrderRetry))},
		{name: "skip", usage: "skip RUN", summary: "go on as if the step that failed had been done", run: order(plan.OrderSkip, goOn(plan.OrderSkip))},
		{name: "answer", usage: "answer RUN ANSWER", summary: "answer the question of a run that waits", run: (*app).answer},
		{name: "confirm", usage: "confirm RUN", summary: "keep what a run with --confirm-within has changed", run: order(plan.OrderConfirm, confirmGone)},
		{name: "show", usage: "show RUN [--follow]", summary: "print a run's journal", own: showCommand},
		{name: "report", usage: "report RUN [--html FILE]", summary: "say what a run did and how long it took, for people, programs or as a page", own: reportCommand},
		{name: "status", usage: "status [--compare]", summary: "say whether you can fail over now, what you would lose and what is next", alone: true, own: statusCommand},
		{name: "ready", usage: "ready SCRIPT [--lost NAME] [--every 10m] [NAME=VALUE …]", summary: "say what would stop a runbook now", own: readyCommand},
		{name: "site", usage: "site init|show|check|fail|heal …", summary: "make, look at, break and mend a site", own: siteCommand},
		{name: "scripts", usage: "scripts list|copy [DIR]", summary: "list the shipped runbooks or copy them out", own: scriptsCommand},
		{name: "version", usage: "version", summary: "print the program's version", alone: true, run: (*app).version},
	}
}
