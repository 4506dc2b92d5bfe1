// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Build compiles the nymstream binary into a folder that ends with the test. NYMSTREAM_BINARY names another one to test instead.
func Build(t testing.TB) string {
	t.Helper()
	if bin := os.Getenv("NYMSTREAM_BINARY"); bin != "" {
		return bin
	}
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(t.TempDir(), "nymstream")
	cmd := exec.Command("go", "build", "-o", bin, "./cmd/nymstream")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

// Instance keeps one `nymstream run` process alive: when the process ends before Close, a new one takes its place,
// as a supervisor in production would do.
type Instance struct {
	Name string

	bin, config string
	env         []string
	log         *os.File
	restart     time.Duration

	mu      sync.Mutex
	process *os.Process
	killed  bool // the present process was told to die by Kill
	closed  bool
	stopped chan struct{} // closed when the supervisor has ended

	exits []string // of processes that ended by themselves
}

// StartInstance starts the binary with a configuration file; the process writes to the log file, which is appended to.
func StartInstance(name, bin, config, logFile string, env ...string) (*Instance, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	i := &Instance{
		Name: name, bin: bin, config: config, env: append(os.Environ(), env...), log: log,
		restart: 200 * time.Millisecond, stopped: make(chan struct{}),
	}
	first, err := i.spawn()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	go i.supervise(first)
	return i, nil
}

func (i *Instance) spawn() (*exec.Cmd, error) {
	cmd := exec.Command(i.bin, "run", "-c", i.config)
	cmd.Env, cmd.Stdout, cmd.Stderr = i.env, i.log, i.log
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return nil, nil
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("instance %s: %w", i.Name, err)
	}
	i.process, i.killed = cmd.Process, false
	return cmd, nil
}

func (i *Instance) supervise(cmd *exec.Cmd) {
	defer close(i.stopped)
	for cmd != nil {
		err := cmd.Wait()
		i.mu.Lock()
		if !i.killed && !i.closed {
			i.exits = append(i.exits, fmt.Sprintf("%s: %v", i.Name, err))
		}
		i.mu.Unlock()
		time.Sleep(i.restart)
		if cmd, err = i.spawn(); err != nil {
			i.mu.Lock()
			i.exits = append(i.exits, err.Error())
			i.mu.Unlock()
		}
	}
}

// Kill sends kill -9; a stopped process dies too. The supervisor starts the next one.
func (i *Instance) Kill() error { return i.signal(syscall.SIGKILL) }

// Pause sends SIGSTOP and waits until it has worked: to everybody else the instance looks dead, but it will come back.
func (i *Instance) Pause() error {
	if err := i.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	i.mu.Lock()
	pid := i.process.Pid
	i.mu.Unlock()
	for deadline := time.Now().Add(5 * time.Second); !stopped(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return errors.New("the process goes on after SIGSTOP")
		}
	}
	return nil
}

// stopped tells whether every thread of a process has stopped: on a busy machine one may go on for a while after the signal.
// Where there is no /proc it is believed.
func stopped(pid int) bool {
	states, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return false
	}
	for _, file := range states {
		text, err := os.ReadFile(file)
		if at := bytes.LastIndexByte(text, ')'); err == nil && (at+2 >= len(text) || text[at+2] != 'T') {
			return false
		}
	}
	return true
}

// Resume sends SIGCONT.
func (i *Instance) Resume() error { return i.signal(syscall.SIGCONT) }

// signal reaches the present process; where there is none for a moment, the next one.
func (i *Instance) signal(s os.Signal) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		i.mu.Lock()
		err := i.process.Signal(s)
		i.killed = i.killed || err == nil && s == syscall.SIGKILL
		i.mu.Unlock()
		if !errors.Is(err, os.ErrProcessDone) || time.Now().After(deadline) {
			return err
		}
	}
}

// Exits tells how processes ended that nobody had killed.
func (i *Instance) Exits() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string(nil), i.exits...)
}

// Close asks the process to drain (SIGTERM) and kills it when it has not ended in time. It returns an error in that case.
// A second call does nothing.
func (i *Instance) Close(patience time.Duration) error {
	i.mu.Lock()
	if i.closed {
		i.mu.Unlock()
		return nil
	}
	i.closed = true
	err := i.process.Signal(syscall.SIGTERM)
	i.mu.Unlock()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	select {
	case <-i.stopped:
	case <-time.After(patience):
		err = errors.Join(err, fmt.Errorf("instance %s did not drain within %v", i.Name, patience), i.process.Kill())
		<-i.stopped
	}
	return errors.Join(err, i.log.Close())
}
