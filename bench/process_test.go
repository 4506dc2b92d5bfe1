// SPDX-License-Identifier: Apache-2.0

//go:build bench && linux

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a contender at work.
type process struct {
	cmd   *exec.Cmd
	began time.Time
	log   string
	ended chan struct{} // closed when it has ended; err tells how
	err   error
}

func startProcess(log, program string, args ...string) (*process, error) {
	f, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p := &process{cmd: exec.Command(program, args...), log: log, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = f, f
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// until waits for done, which is asked every 50 ms. It fails as soon as the process has ended by itself, and ends it on any other failure.
func (p *process) until(ctx context.Context, done func() (bool, error)) error {
	err := p.await(ctx, done)
	if err != nil {
		_ = p.cmd.Process.Kill() // it may have ended already
		<-p.ended
	}
	return err
}

func (p *process) await(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.ended:
			return fmt.Errorf("the process ended by itself: %s: %s", p.cmd.ProcessState, p.said())
		case <-tick.C:
		}
	}
}

// stop asks the process to drain and waits; it kills a process that does not.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		err := p.cmd.Process.Kill()
		<-p.ended
		return errors.Join(errors.New("the process did not drain"), err)
	}
	if p.err != nil {
		return fmt.Errorf("%w: %s", p.err, p.said())
	}
	return nil
}

// said gives the last of what the process wrote.
func (p *process) said() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// peakMemory reads the greatest resident size so far. The resource usage of an ended child will not do:
// Linux counts the parent's size into it, from between fork and exec.
func peakMemory(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib * 1024, err
		}
	}
	return 0, errors.New("no VmHWM")
}

// cpuOf gives the CPU time that a running process has used so far, in steps of 10 ms.
func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]) // from the third on: the second may hold spaces
	if len(fields) < 13 {
		return 0, errors.New("short stat")
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// releaseProfile is what `make build` and the image optimize by; programs that run the product's own code do too.
const releaseProfile = "cmd/nymstream/release.pgo"

// build compiles a command of the module into a folder; ours as they are released.
func build(t *testing.T, root, dir, command string) string {
	t.Helper()
	bin := filepath.Join(dir, filepath.Base(command))
	cmd := exec.Command("go", "build", "-trimpath", "-o", bin, command)
	if filepath.Base(command) != "franz" {
		cmd.Args = slices.Insert(cmd.Args, 2, "-pgo="+filepath.Join(root, releaseProfile))
	}
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", command, err, out)
	}
	return bin
}
