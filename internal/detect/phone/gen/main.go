// SPDX-License-Identifier: Apache-2.0

// Command gen compiles the numbering plans of libphonenumber's metadata into plan.bin, which package phone embeds. `go generate` runs it.
package main

import (
	"fmt"
	"os"
)

func main() {
	out, err := compile()
	if err == nil {
		err = os.WriteFile("plan.bin", out, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
