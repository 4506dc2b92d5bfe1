// SPDX-License-Identifier: Apache-2.0

//go:build bench && linux

package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/workload"
)

// patience is how long a contender may take to start and warm up, or to answer.
const patience = 15 * time.Minute

// inProcess measures all contenders with events of all sizes, without Kafka.
func inProcess(t *testing.T, r *PeersReport, all []*peer, e effort) {
	for _, size := range e.sizes {
		file, corpus := writeCorpus(t, size, e.corpusEvents)
		r.Transform = append(r.Transform, corpus)
		var alive []*transformer
		for _, p := range all {
			if !p.transform {
				continue
			}
			w, err := enter(t, p, file, corpus, e)
			if err != nil {
				t.Errorf("%s, %s events: %v", p.name, size, err)
				r.Missing = append(r.Missing, Missing{p.name, fmt.Sprintf("transform of %s events: %v", size, err)})
				continue
			}
			alive = append(alive, w)
			corpus.Contenders = append(corpus.Contenders, w.result)
		}
		measure(t, alive, e)
	}
}

// writeCorpus writes events of a size, as many bytes of each size as it takes for so many events of the smallest.
func writeCorpus(t *testing.T, size workload.Size, events int) (string, *Corpus) {
	t.Helper()
	g, err := workload.NewSized(size, seed, subjects)
	if err != nil {
		t.Fatal(err)
	}
	const smallest = 1333 // bytes of an event, in the mean
	c := &Corpus{Size: string(size)}
	var text bytes.Buffer
	for c.Bytes < int64(events*smallest) {
		_, value := g.Event(c.Events)
		c.Events++
		c.Bytes += int64(len(value))
		text.Write(value)
		text.WriteByte('\n')
	}
	file := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, c
}

// enter checks that a contender does the work, then starts it and lets it warm up.
func enter(t *testing.T, p *peer, file string, corpus *Corpus, e effort) (*transformer, error) {
	result, passes := &Transformer{Name: p.name, Warmup: corpus.Events}, 1
	if p.compiles {
		passes = 8 // virtual machines tell CPU time in steps of 10 ms
		// As many bytes for each size.
		result.Warmup = max(corpus.Events, int(int64(e.warmup)*int64(corpus.Events)/int64(e.corpusEvents)))
	}
	var err error
	if result.Checked, err = equivalent(t, p, file); err != nil {
		return nil, err
	}
	w := &transformer{result: result}
	began := time.Now()
	if err := w.start(t, p.program, "transform", "-in", file, "-warmup", strconv.Itoa(result.Warmup), "-passes", strconv.Itoa(passes)); err != nil {
		return nil, err
	}
	t.Logf("%s, %s: %d events are equivalent; warm after %.0f s", p.name, corpus.Size, result.Checked, time.Since(began).Seconds())
	return w, nil
}

// equivalent holds all that a contender makes of a corpus against the reference.
func equivalent(t *testing.T, p *peer, file string) (checked int, err error) {
	out := filepath.Join(t.TempDir(), "sanitized.jsonl")
	if err := command(".", p.program, "transform", "-in", file, "-out", out); err != nil {
		return 0, err
	}
	check, err := p.check()
	if err != nil {
		return 0, err
	}
	events, sanitized, err := read(file, out)
	if err != nil {
		return 0, err
	}
	if len(events) != len(sanitized) {
		return 0, fmt.Errorf("want %d events, got %d", len(events), len(sanitized))
	}
	for i := range events {
		if err := check.Check(events[i], sanitized[i]); err != nil {
			return check.Checked(), fmt.Errorf("not equivalent, event %d: %w", i, err)
		}
	}
	return check.Checked(), nil
}

func read(files ...string) (a, b [][]byte, err error) {
	one, errOne := os.ReadFile(files[0])
	two, errTwo := os.ReadFile(files[1])
	line := []byte{'\n'}
	return bytes.Split(bytes.TrimSuffix(one, line), line), bytes.Split(bytes.TrimSuffix(two, line), line), errors.Join(errOne, errTwo)
}

// measure gives every contender a turn in every round, each time another one first.
func measure(t *testing.T, alive []*transformer, e effort) {
	if len(alive) == 0 {
		return
	}
	for round := range e.rounds {
		yard, err := yardstick(workload.Event())
		if err != nil {
			t.Fatal(err)
		}
		said := ""
		for i := range alive {
			w := alive[(i+round)%len(alive)]
			a, err := w.turn(e.turn)
			if err != nil {
				t.Fatalf("round %d, %s: %v", round+1, w.result.Name, err)
			}
			r := a.round(yard)
			w.result.Rounds = append(w.result.Rounds, r)
			said += fmt.Sprintf(", %s %.0f", w.result.Name, r.CPUNanoseconds)
		}
		t.Logf("round %d, CPU ns an event: yardstick %.0f%s", round+1, yard, said)
	}
	for _, w := range alive {
		if err := w.end(); err != nil {
			t.Errorf("%s: %v", w.result.Name, err)
		}
	}
}

// transformer is a contender that waits for the line `go`.
type transformer struct {
	result *Transformer
	cmd    *exec.Cmd
	cancel context.CancelFunc
	in     io.WriteCloser
	out    *bufio.Reader
	said   bytes.Buffer // on standard error
}

// start returns when the contender is ready. It ends with the test at the latest.
func (w *transformer) start(t *testing.T, program string, args ...string) error {
	var ctx context.Context
	ctx, w.cancel = context.WithCancel(t.Context())
	w.cmd = exec.CommandContext(ctx, program, args...)
	w.cmd.Stderr = &w.said
	var err error
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return err
	}
	pipe, err := w.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	w.out = bufio.NewReader(pipe)
	if err := w.cmd.Start(); err != nil {
		return err
	}
	line, err := w.line()
	if err == nil && line != "ready" {
		err = fmt.Errorf("want the line ready, got %q", line)
	}
	if err != nil {
		w.cancel()
		return errors.Join(err, w.cmd.Wait())
	}
	return nil
}

// line reads what the contender answers; one that does not is ended.
func (w *transformer) line() (string, error) {
	late := time.AfterFunc(patience, w.cancel)
	defer late.Stop()
	line, err := w.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("no answer: %w", err)
	}
	return line[:len(line)-1], nil
}

// turn says `go` until the contender has used so much CPU time.
func (w *transformer) turn(nanoseconds int64) (*answer, error) {
	total := &answer{}
	for first := true; first || total.CPU < nanoseconds; first = false {
		if _, err := io.WriteString(w.in, "go\n"); err != nil {
			return nil, err
		}
		line, err := w.line()
		if err != nil {
			return nil, fmt.Errorf("%w: %s", err, w.said.String())
		}
		var a answer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			return nil, err
		}
		if a.Events < 1 || a.CPU < 1 {
			return nil, fmt.Errorf("no figures in %s", line)
		}
		if first {
			*total = a
			continue
		}
		total.add(a)
	}
	return total, nil
}

// end reads the memory and lets the contender go.
func (w *transformer) end() error {
	defer w.cancel()
	var err error
	w.result.PeakMemory, err = peakMemory(w.cmd.Process.Pid)
	if err := errors.Join(err, w.in.Close(), w.cmd.Wait()); err != nil {
		return fmt.Errorf("%w: %s", err, w.said.String())
	}
	return nil
}
