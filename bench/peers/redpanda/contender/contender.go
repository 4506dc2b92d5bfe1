// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package contender speaks the protocol of the benchmark for contenders written in Go; bench/peers/README.md describes it.
// It imports nothing but the standard library: contenders in modules of their own keep a copy, and a test holds the copies together.
package contender

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Sanitize turns an event into what leaves. The result is valid until the next call.
type Sanitize func(event []byte) ([]byte, error)

// Topics say where records come from and go to.
type Topics struct {
	Brokers        []string
	Group, In, Out string
}

// Contender is what a program has to offer; a nil verb is refused.
type Contender struct {
	Transform func() (Sanitize, error)
	// Kafka runs until the context ends, commits what it has finished, and returns nil.
	Kafka func(ctx context.Context, topics Topics) error
}

// Main serves the verb of the command line and gives the exit code.
func (c Contender) Main(args []string) int {
	err := errors.New("want a verb: transform or kafka")
	if len(args) > 0 {
		switch {
		case args[0] == "transform" && c.Transform != nil:
			err = c.transform(args[1:])
		case args[0] == "kafka" && c.Kafka != nil:
			err = c.kafka(args[1:])
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (c Contender) kafka(args []string) error {
	flags := flag.NewFlagSet("kafka", flag.ContinueOnError)
	brokers := flags.String("brokers", "", "host:port, separated by commas")
	var t Topics
	flags.StringVar(&t.Group, "group", "", "consumer group")
	flags.StringVar(&t.In, "in", "", "source topic")
	flags.StringVar(&t.Out, "out", "", "output topic")
	if err := flags.Parse(args); err != nil {
		return err
	}
	t.Brokers = strings.Split(*brokers, ",")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return c.Kafka(ctx, t)
}

func (c Contender) transform(args []string) error {
	flags := flag.NewFlagSet("transform", flag.ContinueOnError)
	in := flags.String("in", "", "events, one a line")
	out := flags.String("out", "", "sanitized events, one a line; without it, measure")
	passes := flags.Int("passes", 1, "passes over the events for each `go`")
	warmup := flags.Int("warmup", 0, "events before the first measurement")
	if err := flags.Parse(args); err != nil {
		return err
	}
	runtime.GOMAXPROCS(1)
	text, err := os.ReadFile(*in)
	if err != nil {
		return err
	}
	sanitize, err := c.Transform()
	if err != nil {
		return err
	}
	w := &work{events: lines(text), sanitize: sanitize}
	if *out != "" {
		return w.write(*out)
	}
	for done := 0; done < *warmup; done += len(w.events) {
		if _, err := w.pass(); err != nil {
			return err
		}
	}
	return w.serve(os.Stdin, os.Stdout, *passes)
}

func lines(text []byte) [][]byte {
	return bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
}

// work is a corpus and what is done to it.
type work struct {
	events   [][]byte
	sanitize Sanitize
}

// round is what one line `go` is answered with.
type round struct {
	Events         int    `json:"events"`
	CPU            int64  `json:"cpu_ns"`
	Wall           int64  `json:"wall_ns"`
	BytesIn        int    `json:"bytes_in"`
	BytesOut       int    `json:"bytes_out"`
	Allocations    uint64 `json:"allocations"`
	AllocatedBytes uint64 `json:"allocated_bytes"`
}

func (w *work) write(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(f)
	for i, e := range w.events {
		sanitized, err := w.sanitize(e)
		if err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
		fmt.Fprintf(b, "%s\n", sanitized) // Flush tells of errors
	}
	return errors.Join(b.Flush(), f.Close())
}

func (w *work) serve(in io.Reader, out io.Writer, passes int) error {
	if _, err := fmt.Fprintln(out, "ready"); err != nil {
		return err
	}
	answers := json.NewEncoder(out)
	for asked := bufio.NewScanner(in); asked.Scan(); {
		if asked.Text() != "go" {
			return fmt.Errorf("want the line go, got %q", asked.Text())
		}
		r, err := w.measure(passes)
		if err == nil {
			err = answers.Encode(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *work) measure(passes int) (round, error) {
	r := round{Events: passes * len(w.events)}
	for _, e := range w.events {
		r.BytesIn += passes * len(e)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, wall := used(), time.Now()
	for range passes {
		n, err := w.pass()
		if err != nil {
			return r, err
		}
		r.BytesOut += n
	}
	r.CPU, r.Wall = (used() - cpu).Nanoseconds(), time.Since(wall).Nanoseconds()
	runtime.ReadMemStats(&after)
	r.Allocations, r.AllocatedBytes = after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
	return r, nil
}

func (w *work) pass() (bytesOut int, err error) {
	for _, e := range w.events {
		sanitized, err := w.sanitize(e)
		if err != nil {
			return 0, err
		}
		bytesOut += len(sanitized)
	}
	return bytesOut, nil
}

// used gives user and system time of this process, garbage collection included.
func used() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0 // not reachable: the kernel knows this process
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
