// SPDX-License-Identifier: Apache-2.0

//go:build kafka

package kafka

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/test/rig"
)

// What the service says, as far as these tests wait for it.
const (
	started   = "service started"
	joined    = "joined a group generation"
	takenOver = "policy taken over"
	refused   = "policy refused; the one before goes on"
)

// line is one of the service's log lines.
type line struct {
	Message, Reason, Plan, Address, Error string
}

// journal reads the log of an instance while it is written. One goroutine may use it.
type journal struct {
	t     *testing.T
	file  string
	read  int64
	lines []line
}

// await gives the first line that is right, from the line with this index on, and the index behind it.
func (j *journal) await(from int, what string, right func(line) bool) (line, int) {
	j.t.Helper()
	for deadline := time.Now().Add(40 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		for j.more(); from < len(j.lines); from++ {
			if right(j.lines[from]) {
				return j.lines[from], from + 1
			}
		}
		if time.Now().After(deadline) {
			j.t.Fatalf("the log does not say: %s", what)
		}
	}
}

// says waits for a message.
func (j *journal) says(from int, message string) (line, int) {
	j.t.Helper()
	return j.await(from, message, func(l line) bool { return l.Message == message })
}

// now is the index behind the lines that are there.
func (j *journal) now() int {
	j.more()
	return len(j.lines)
}

func (j *journal) count(right func(line) bool) int {
	j.more()
	n := 0
	for _, l := range j.lines {
		if right(l) {
			n++
		}
	}
	return n
}

// more reads the lines that have come since; one that is still being written waits for the next call.
func (j *journal) more() {
	f, err := os.Open(j.file)
	if err != nil {
		return // not made yet
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, j.read, 1<<40))
	if err != nil {
		j.t.Fatal(err)
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	j.read += int64(len(text))
	for said := range bytes.Lines(text) {
		var l line
		_ = json.Unmarshal(said, &l) // what is no JSON is no message that anybody waits for
		j.lines = append(j.lines, l)
	}
}

// policyToken opens POST /v1/policy of the instances that begin starts.
const policyToken = "token-of-the-tests"

// begin starts an instance that lasts as long as the test, with a token for its policy, and waits until it has started.
func (p *place) begin(more string, env ...string) (*rig.Instance, *journal) {
	p.t.Helper()
	file, err := p.setup.Config("one", p.more()+more)
	if err != nil {
		p.t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		p.t.Fatal(err)
	}
	closed, open := `http: {listen: "127.0.0.1:0"}`, `http: {listen: "127.0.0.1:0", policy_token: "${env:POLICY_TOKEN}"}`
	if !strings.Contains(string(text), closed) {
		p.t.Fatalf("the configuration has no line %s", closed)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), closed, open, 1)), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.t.Setenv("POLICY_TOKEN", policyToken) // for the commands that read the same configuration
	log := filepath.Join(p.setup.Dir, "one.log")
	i, err := rig.StartInstance("one", p.setup.Binary, file, log, env...)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := i.Close(20 * time.Second); err != nil {
			p.t.Error(err)
		}
		if text, err := os.ReadFile(log); err == nil && p.t.Failed() {
			p.t.Logf("the end of one.log:\n%s", text[max(0, len(text)-8<<10):])
		}
	})
	j := &journal{t: p.t, file: log}
	j.says(0, started)
	return i, j
}
