// SPDX-License-Identifier: Apache-2.0

// Command nymstream sanitizes streams of social events: it pseudonymizes, seals, generalizes and drops, exactly once.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/nymstream/nymstream/internal/app"
	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/policy"
)

// Exit codes: the contract with scripts.
const (
	exitDone  = 0
	exitNo    = 1 // the answer is no
	exitUsage = 2 // wrong use: arguments, configuration, policy
	exitDown  = 3 // a dependency is down
)

// commands is the command line. Each field is a command; its help ends with a real example.
type commands struct {
	Run        runCommand         `cmd:"" help:"Run the service: sanitize what the sources' topics bring, exactly once."`
	Sanitize   sanitizeCommand    `cmd:"" help:"Sanitize JSON Lines for one recipient."`
	Detect     detectCommand      `cmd:"" help:"Find personal data in texts."`
	Bench      benchCommand       `cmd:"" help:"Measure what sanitizing costs on this machine, without Kafka."`
	Demo       demoCommand        `cmd:"" help:"Sanitize bundled real events on a broker inside the process, and show before and after."`
	Init       initCommand        `cmd:"" help:"Write a configuration, a policy and keys that run as they are."`
	Doctor     doctorCommand      `cmd:"" help:"Check configuration, policy, keys, brokers, topics and rights, and say how to mend what is wrong."`
	Policy     policyCommands     `cmd:"" help:"Check and explain policies."`
	Keys       keysCommands       `cmd:"" help:"Make, list, rotate and destroy keys."`
	Consent    consentCommands    `cmd:"" help:"Note and show what people agree to."`
	Subject    subjectCommands    `cmd:"" help:"Show, erase, restrict and hand out what is kept of people."`
	Reveal     revealCommands     `cmd:"" help:"Re-identify, with a reason and a second person."`
	Quarantine quarantineCommands `cmd:"" help:"Look at what could not be sanitized, replay and purge it."`
	Store      storeCommands      `cmd:"" help:"Back up, restore and measure the store of people."`
	Upgrade    upgradeCommands    `cmd:"" help:"Change to the format of a new release, once there is no way back to the one before."`
	Audit      auditCommands      `cmd:"" help:"Verify and read the log of what was done."`
	Report     reportCommands     `cmd:"" help:"Say who gets what, how long, and what leaked."`
	Resume     resumeCommand      `cmd:"" help:"Let a partition that stopped go on at an offset."`
	Version    versionCommand     `cmd:"" help:"Print the version."`
}

// streams are the process's own: commands get them as arguments, so that tests can give others.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// answer is the error of a command that was carried out and whose answer is no.
type answer struct{ error }

func (a answer) Unwrap() error { return a.error }

func run(args []string, std streams) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var c commands
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("nymstream"),
		kong.Description("Pseudonymizing event-stream processor: raw social events in, sanitized events out, exactly once."),
		kong.Writers(std.out, std.err),
		kong.Exit(func(code int) { exited = code; panic(earlyExit{}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std),
	)
	if err != nil {
		fmt.Fprintln(std.err, "nymstream:", err)
		return exitUsage
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	return guard(&exited, func() int {
		k, err := parser.Parse(args)
		if err != nil {
			fmt.Fprintf(std.err, "nymstream: %v\n", err)
			fmt.Fprintln(std.err, "`nymstream --help` lists the commands, `nymstream COMMAND --help` shows an example.")
			return exitUsage
		}
		if err := k.Run(); err != nil {
			fmt.Fprintf(std.err, "nymstream: %v\n", err)
			return code(err)
		}
		return exitDone
	})
}

// earlyExit unwinds what kong calls exit for: --help.
type earlyExit struct{}

func guard(exited *int, fn func() int) (status int) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(earlyExit); !ok {
				panic(r)
			}
			status = *exited
		}
	}()
	return fn()
}

// code finds the exit code of an error.
func code(err error) int {
	var no answer
	var refused app.No
	var faults policy.Problems
	var options config.Problems
	switch {
	case errors.Is(err, app.ErrDown):
		return exitDown
	case errors.As(err, &no), errors.As(err, &refused):
		return exitNo
	case errors.As(err, &faults), errors.As(err, &options):
		return exitUsage
	}
	return exitUsage
}
