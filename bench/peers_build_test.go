// SPDX-License-Identifier: Apache-2.0

//go:build bench && linux

package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// peer is a contender that speaks the protocol of bench/peers/README.md. The product is one in process only.
type peer struct {
	name       string
	build      func(dir, to string) (program string, err error)
	transform  bool // has this verb
	kafka      bool // has this verb
	fixedNonce bool // its seals do not carry the nonce
	compiles   bool // while it runs: it needs a long warm-up
	slow       bool // gets the shorter input from Kafka to Kafka

	program string
}

// allPeers lists them in the order of the tables. Each is built in bench/peers.
func allPeers() []*peer {
	return []*peer{
		{name: product, build: goProgram("nymstream"), transform: true},
		{name: peerStreaming, build: script("jvm", "jackson-streaming"), transform: true, compiles: true},
		{name: "jackson-tree", build: script("jvm", "jackson-tree"), transform: true, compiles: true},
		{name: peerStreams, build: script("jvm", "streams"), kafka: true, compiles: true},
		{name: peerPython, build: script("python", "python-orjson"), transform: true, kafka: true},
		{name: peerNaive, build: goProgram("naive"), transform: true, kafka: true},
		{name: peerRedpanda, build: goProgram("redpanda"), transform: true, kafka: true, fixedNonce: true, slow: true},
	}
}

// peers builds all contenders, or those that BENCH_PEERS names beside the product. What cannot be had is reported, with the reason.
func peers(t *testing.T, root string) (had []*peer, missing []Missing) {
	wanted := strings.FieldsFunc(os.Getenv("BENCH_PEERS"), func(r rune) bool { return r == ',' || r == ' ' })
	to := t.TempDir()
	for _, p := range allPeers() {
		if len(wanted) > 0 && p.name != product && !slices.Contains(wanted, p.name) {
			continue
		}
		var err error
		p.program, err = p.build(filepath.Join(root, "bench", "peers"), to)
		switch {
		case err == nil:
			had = append(had, p)
		case p.name == product || p.name == peerNaive: // nothing but Go is needed for these
			t.Fatalf("%s: %v", p.name, err)
		default:
			t.Logf("%s cannot be had: %v", p.name, err)
			missing = append(missing, Missing{p.name, err.Error()})
		}
	}
	return had, missing
}

// goProgram builds a command, which may be a module of its own.
func goProgram(name string) func(dir, to string) (string, error) {
	return func(dir, to string) (string, error) {
		bin := filepath.Join(to, name)
		profile := "off"
		if name == product {
			profile = filepath.Join(dir, "..", "..", releaseProfile)
		}
		return bin, command(filepath.Join(dir, name), "go", "build", "-trimpath", "-pgo="+profile, "-o", bin, ".")
	}
}

// script lets a language's own script build, and names what it left.
func script(language, name string) func(dir, to string) (string, error) {
	return func(dir, _ string) (string, error) {
		dir = filepath.Join(dir, language)
		if err := command(dir, "bash", "build.sh"); err != nil {
			return "", err
		}
		return exec.LookPath(filepath.Join(dir, "bin", name))
	}
}

// command runs something that builds; the error is what it said last.
func command(dir, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		text := strings.TrimSpace(string(out))
		return fmt.Errorf("%s: %w: %s", program, err, text[max(0, len(text)-500):])
	}
	return nil
}

// versions asks what the peers are made of. What does not answer is left out: its contenders are missing too.
func versions(root string) []string {
	var told []string
	for _, ask := range [][]string{
		{"redpanda", "go", "list", "-m", "github.com/redpanda-data/benthos/v4", "github.com/redpanda-data/connect/v4"},
		{"jvm", "java", "-version"},
		{"python", "python3", "--version"},
	} {
		cmd := exec.Command(ask[1], ask[2:]...)
		cmd.Dir = filepath.Join(root, "bench", "peers", ask[0])
		if out, err := cmd.CombinedOutput(); err == nil {
			text := strings.TrimSpace(string(out))
			if ask[0] == "jvm" { // the rest tells of its parts
				text = firstLine(text)
			}
			told = append(told, strings.Split(text, "\n")...)
		}
	}
	return told
}

func (p *peer) check() (*Equivalence, error) {
	if p.name == product {
		return OfProduct(), nil
	}
	return OfPeer(p.fixedNonce)
}

// contender puts the peer on the course from Kafka to Kafka.
func (p *peer) contender() contender {
	who := contender{name: p.name, atLeastOnce: true, slow: p.slow, check: p.check}
	who.start = func(c *course, run string) (*process, error) {
		in := c.full
		if p.slow {
			in = c.tenth
		}
		return startProcess(c.file(run+".log"), p.program, append([]string{"kafka"}, c.flags(run, in)...)...)
	}
	return who
}
