// SPDX-License-Identifier: Apache-2.0

//go:build bench && linux

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/workload"
	"github.com/nymstream/nymstream/test/rig"
)

// contenders builds the programs. The first is what the others are compared with.
func contenders(t *testing.T, c *course) []contender {
	passthrough, franz := c.passthrough(t), build(t, c.root, c.dir, "./bench/franz")
	return append([]contender{passthrough, {name: "franz", unchanged: true, start: func(c *course, run string) (*process, error) {
		return startProcess(c.file(run+".log"), franz, c.flags(run, c.full)...)
	}}}, c.products(t)...)
}

// passthrough is the product's own stream with nothing to do.
func (c *course) passthrough(t *testing.T) contender {
	program := build(t, c.root, c.dir, "./bench/passthrough")
	return contender{name: passThrough, unchanged: true, start: func(c *course, run string) (*process, error) {
		return startProcess(c.file(run+".log"), program, append(c.flags(run, c.full), "-quarantine", quarantine(run))...)
	}}
}

// products are `nymstream run` with the two ways to choose an output's partition.
func (c *course) products(t *testing.T) []contender {
	c.product = build(t, c.root, c.dir, "./cmd/nymstream")
	check := func() (*Equivalence, error) { return OfProduct(), nil }
	return []contender{
		{name: product, check: check, start: func(c *course, run string) (*process, error) { return c.sanitize(run, "source", false) }},
		{name: productByKey, check: check, start: func(c *course, run string) (*process, error) { return c.sanitize(run, "key", false) }},
	}
}

func (c *course) file(name string) string { return filepath.Join(c.dir, name) }

func (c *course) flags(run string, in *feed) []string {
	return []string{"-brokers", strings.Join(c.cluster.Brokers, ","), "-group", group(run), "-in", in.topic, "-out", output(run)}
}

// sanitize starts the product with the benchmark's policy, fresh keys and its own defaults, but for partition_by.
func (c *course) sanitize(run, partitionBy string, pprof bool) (*process, error) {
	const topic = "topic: " + workload.CleanTopic
	if strings.Count(workload.Policy(), topic+"\n") != 1 {
		return nil, fmt.Errorf("the policy has no line %s", topic)
	}
	s := rig.Setup{
		Dir: c.file(run), Binary: c.product, Brokers: c.cluster.Brokers, Group: group(run),
		Policy: strings.Replace(workload.Policy(), topic, "topic: "+output(run)+"\n    partition_by: "+partitionBy, 1),
	}
	if err := os.Mkdir(s.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "pack.yaml"), []byte(workload.Pack()), 0o600); err != nil {
		return nil, err
	}
	if err := s.Keys(); err != nil {
		return nil, err
	}
	file, err := s.Config("bench", fmt.Sprintf("quarantine: {topic: %s}\n", quarantine(run)))
	if err == nil && pprof {
		err = allowProfiles(file)
	}
	if err != nil {
		return nil, err
	}
	return startProcess(c.file(run+".log"), c.product, "run", "-c", file)
}

// allowProfiles switches http.pprof on in a configuration of the rig.
func allowProfiles(file string) error {
	const before, after = `http: {listen: "127.0.0.1:0"}`, `http: {listen: "127.0.0.1:0", pprof: true}`
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if strings.Count(string(text), before) != 1 {
		return fmt.Errorf("the configuration has no line %s", before)
	}
	return os.WriteFile(file, []byte(strings.Replace(string(text), before, after, 1)), 0o600)
}

// profileSeconds is how long the CPU is sampled, from the start of the process on.
const profileSeconds = 10

// profile lets the product run once more, unmeasured, and writes where its CPU time and memory went into dir.
func (c *course) profile(ctx context.Context, dir string) error {
	const run = "profile"
	if err := errors.Join(os.MkdirAll(dir, 0o755), c.prepare(ctx, run)); err != nil {
		return err
	}
	p, err := c.sanitize(run, "source", true)
	if err != nil {
		return err
	}
	address := regexp.MustCompile(`"address":"([^"]+)"`)
	var at []string
	err = p.until(ctx, func() (bool, error) {
		at = address.FindStringSubmatch(p.said())
		return at != nil, nil
	})
	if err != nil {
		return err
	}
	for _, of := range []struct{ file, page string }{
		{"cpu.pprof", fmt.Sprintf("profile?seconds=%d", profileSeconds)}, {"heap.pprof", "heap"}, {"allocs.pprof", "allocs"},
	} {
		if err == nil {
			err = download(ctx, "http://"+at[1]+"/debug/pprof/"+of.page, filepath.Join(dir, of.file))
		}
	}
	return errors.Join(err, p.stop())
}

func download(ctx context.Context, url, file string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return os.WriteFile(file, body, 0o644)
}
