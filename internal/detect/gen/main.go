// SPDX-License-Identifier: Apache-2.0

// Command gen writes tlds.txt, the top-level domains of the IANA root zone, from the test table of golang.org/x/net/publicsuffix.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/net").Output()
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "publicsuffix", "table_test.go"))
	if err != nil {
		return err
	}
	_, rules, _ := strings.Cut(string(raw), "var rules = [...]string{")
	rules, _, _ = strings.Cut(rules, "\n}")
	var list []string
	for line := range strings.SplitSeq(rules, "\n") {
		rule, err := strconv.Unquote(strings.TrimSuffix(strings.TrimSpace(line), ","))
		if err != nil {
			continue
		}
		domain := rule[strings.LastIndexByte(rule, '.')+1:]
		if slices.Contains([]string{"onion"}, domain) {
			continue
		}
		list = append(list, domain)
		if u, err := idna.ToUnicode(domain); err == nil && u != domain {
			list = append(list, u)
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	var out bytes.Buffer
	fmt.Fprintln(&out, "# Top-level domains of the IANA root zone, in ASCII and in their own script. Made by go generate.")
	fmt.Fprintln(&out, strings.Join(list, "\n"))
	return os.WriteFile("tlds.txt", out.Bytes(), 0o644)
}
