// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"

	"github.com/nymstream/nymstream/internal/app"
)

type doctorCommand struct {
	Config string `short:"c" required:"" placeholder:"FILE" help:"Configuration."`
}

func (doctorCommand) Help() string {
	return "Exit code 1: something must be mended; 3: the cluster cannot be reached.\n\nExample:\n  nymstream doctor -c config/nymstream.yaml"
}

func (c *doctorCommand) Run(ctx context.Context, std streams) error {
	var first error
	app.Diagnose(ctx, c.Config, os.LookupEnv, func(f app.Finding) {
		if f.Err == nil {
			fmt.Fprintf(std.out, "ok      %s\n", f.What)
			return
		}
		fmt.Fprintf(std.out, "%-7s %s: %v\n", f.Level, f.What, f.Err)
		if f.Level == app.Fault && first == nil {
			first = f.Err
		}
	})
	if first != nil && code(first) != exitDown {
		return answer{fmt.Errorf("not ready: mend what is marked %s", app.Fault)}
	}
	return first
}
