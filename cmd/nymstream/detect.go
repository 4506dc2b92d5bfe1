// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/nymstream/nymstream/internal/app"
)

type detectCommand struct {
	In       string  `short:"i" placeholder:"FILE" help:"Texts, one a line, or JSON Lines {\"id\", \"text\"}; default standard input."`
	JSON     bool    `name:"json" help:"A line of JSON for each text: {\"id\", \"p\": [[start, end, label, subtype, score], …]}."`
	Mode     string  `enum:"stream,field" default:"stream" help:"stream: running text; field: each line is one bare value."`
	Markup   string  `enum:"plain,html,markdown,slack,discord" default:"plain" help:"How the texts are written: plain, html, markdown, slack, discord."`
	Names    string  `enum:"none,balanced,wide" default:"balanced" help:"How eagerly names of persons are looked for: none, balanced, wide."`
	MinScore float32 `default:"0.5" placeholder:"S" help:"What is less sure is left out; 0 to 1, default ${default}."`
	Show     bool    `help:"Print what was found too, not only where."`
}

func (detectCommand) Help() string {
	return "Spans are code points. Exit code 0, also when nothing was found.\n\nExample:\n  echo 'call me: +1 605 555 0134' | nymstream detect --show"
}

func (c *detectCommand) Run(ctx context.Context, std streams) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(25) // making the tables is what makes garbage: it shall not decide what a pipe takes of memory
	}
	detector, markup, err := app.NewDetector(app.DetectorOptions{Field: c.Mode == "field", Markup: c.Markup, Names: c.Names, MinScore: c.MinScore})
	if err != nil {
		return err
	}
	in, size, err := openInput(c.In, std.in)
	if err != nil {
		return err
	}
	defer in.Close()
	bar := newProgress(std.err, size)
	found, err := app.Detect(ctx, app.DetectOptions{Detector: detector, Markup: markup, In: bar.reader(in), Out: std.out, JSON: c.JSON, Show: c.Show})
	bar.finish()
	if err == nil && !c.JSON {
		fmt.Fprintf(std.err, "%d found\n", found)
	}
	return err
}
