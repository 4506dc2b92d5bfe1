// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/nymstream/nymstream/internal/policy"
)

type policyFmt struct {
	Write bool     `short:"w" help:"Write the files anew; without it the formatted text goes to standard output."`
	Files []string `arg:"" optional:"" placeholder:"FILE" help:"Policies, packs and test files; default standard input."`
}

func (policyFmt) Help() string {
	return "Comments stay. A file that does not parse is left as it is, exit code 2.\n\nExample:\n  nymstream policy fmt -w config/policies/social.yaml"
}

func (c *policyFmt) Run(std streams) error {
	if len(c.Files) == 0 {
		if c.Write {
			return errors.New("-w needs files")
		}
		text, err := io.ReadAll(io.LimitReader(std.in, maxSample))
		if err != nil {
			return err
		}
		return c.format(std, "<stdin>", text)
	}
	var faults []error
	for _, file := range c.Files {
		text, err := os.ReadFile(file)
		if err == nil {
			err = c.format(std, file, text)
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

func (c *policyFmt) format(std streams, file string, text []byte) error {
	formatted, err := policy.Format(file, text)
	switch {
	case err != nil:
		return err
	case !c.Write:
		_, err := std.out.Write(formatted)
		return err
	case bytes.Equal(text, formatted):
		return nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	fmt.Fprintln(std.err, "formatted", file)
	return os.WriteFile(file, formatted, info.Mode().Perm())
}

type policySchema struct {
	Pack bool `help:"The schema of packs."`
}

func (policySchema) Help() string {
	return "An editor's YAML server takes it from a first line: # yaml-language-server: $schema=policy.schema.json\n\nExample:\n  nymstream policy schema > policy.schema.json"
}

func (c *policySchema) Run(std streams) error {
	text := policy.PolicySchema()
	if c.Pack {
		text = policy.PackSchema()
	}
	_, err := std.out.Write(text)
	return err
}
