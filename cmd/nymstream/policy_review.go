// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"

	"github.com/nymstream/nymstream/internal/app"
	"github.com/nymstream/nymstream/internal/policy"
)

type policyTest struct {
	Policy   string `short:"p" required:"" placeholder:"FILE" help:"Policy; its tests are the *_test.yaml files beside it."`
	Only     string `name:"run" placeholder:"RE" help:"Only tests whose name this regular expression matches."`
	Coverage bool   `help:"List the rules that no test reached."`
	JUnit    string `name:"junit" placeholder:"FILE" help:"Write the results as JUnit XML too."`
}

func (policyTest) Help() string {
	return "Failures name the line of the test, and may show values of the test's own sample. Exit code 1: a test failed.\n\nExample:\n  nymstream policy test -p config/policies/social.yaml --coverage"
}

func (c *policyTest) Run(std streams) error {
	only, err := regexp.Compile(c.Only)
	if err != nil {
		return fmt.Errorf("--run: %w", err)
	}
	plan, err := policy.Load(c.Policy, policy.Packs())
	if err != nil {
		return err
	}
	files, err := policy.TestFiles(c.Policy)
	if err != nil {
		return err
	}
	var tests []policy.Test
	for _, file := range files {
		found, err := policy.ReadTests(file, c.Policy)
		if err != nil {
			return err
		}
		tests = append(tests, found...)
	}
	if len(tests) == 0 {
		return fmt.Errorf("no tests of %s: write them into a file beside it whose name ends with _test.yaml", c.Policy)
	}
	tests = slices.DeleteFunc(tests, func(t policy.Test) bool { return !only.MatchString(t.Name) })
	if len(tests) == 0 {
		return fmt.Errorf("no test's name matches %q", c.Only)
	}
	report, err := app.TestPolicy(plan, tests)
	if err != nil {
		return err
	}
	app.PrintTests(std.out, report, c.Coverage)
	if c.JUnit != "" {
		if err := writeFile(c.JUnit, func(out io.Writer) error { return app.WriteJUnit(out, report) }); err != nil {
			return err
		}
	}
	if n := report.Failed(); n > 0 {
		return answer{fmt.Errorf("%d of %d policy tests failed", n, len(report.Cases))}
	}
	return nil
}

// writeFile writes a file of the user's own choosing, for the user alone to read.
func writeFile(path string, write func(io.Writer) error) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

type policyDiff struct {
	Old    string `arg:"" placeholder:"OLD" help:"Policy as it was."`
	New    string `arg:"" placeholder:"NEW" help:"Policy as it is to be."`
	In     string `short:"i" placeholder:"FILE" help:"Sample events as JSON Lines: count by path what leaves differently."`
	Source string `placeholder:"NAME" help:"Source that the samples come from."`
	JSON   bool   `name:"json" help:"As JSON."`
}

func (policyDiff) Help() string {
	return "Lines begin with + (more leaves, or it may), - (less leaves) or ~ (neither). Exit code 0: nothing more leaves, 1: more leaves, 2 or higher: an error.\n\n" +
		"Example:\n  nymstream policy diff main/social.yaml config/policies/social.yaml"
}

func (c *policyDiff) Run(std streams) error {
	if (c.In == "") != (c.Source == "") {
		return errors.New("-i and --source belong together")
	}
	old, err := policy.Load(c.Old, policy.Packs())
	if err != nil {
		return err
	}
	next, err := policy.Load(c.New, policy.Packs())
	if err != nil {
		return err
	}
	changes := policy.Diff(old, next)
	more := changes.More()
	var samples []app.SampleChange
	if c.In != "" {
		in, _, err := openInput(c.In, std.in)
		if err != nil {
			return err
		}
		defer in.Close()
		if samples, err = app.DiffSamples(old, next, c.Source, in); err != nil {
			return err
		}
		more = more || slices.ContainsFunc(samples, func(s app.SampleChange) bool { return s.More() })
	}
	if c.JSON {
		if err := printDiffJSON(std.out, changes, samples, more); err != nil {
			return err
		}
	} else {
		app.PrintDiff(std.out, changes, samples)
	}
	if more {
		return answer{errors.New("more leaves")}
	}
	fmt.Fprintln(std.err, "nothing more leaves")
	return nil
}

func printDiffJSON(out io.Writer, changes policy.Changes, samples []app.SampleChange, more bool) error {
	if changes == nil {
		changes = policy.Changes{}
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(struct {
		More    bool               `json:"more"`
		Changes policy.Changes     `json:"changes"`
		Samples []app.SampleChange `json:"samples,omitempty"`
	}{more, changes, samples})
}
