// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/nymstream/nymstream/internal/app"
)

type demoCommand struct{}

func (demoCommand) Help() string {
	return "Needs nothing but this program.\n\nExample:\n  nymstream demo"
}

func (demoCommand) Run(ctx context.Context, std streams) error {
	fmt.Fprintln(std.out, "nymstream demo: real events of four platforms, a broker inside this process, keys that end with it.")
	fmt.Fprintln(std.out, app.AssumedConsent)
	return app.Demo(ctx, std.out)
}
