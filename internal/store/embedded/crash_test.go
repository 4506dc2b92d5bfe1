// SPDX-License-Identifier: Apache-2.0

package embedded_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/store/embedded"
	"github.com/nymstream/nymstream/internal/subject"
)

// A child process of the test finds here where to write, and which of its lives it has.
const (
	crashDir  = "NYMSTREAM_CRASH_DIR"
	crashLife = "NYMSTREAM_CRASH_LIFE"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		fmt.Fprintln(os.Stderr, writeForEver(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const (
	writers = 4
	batch   = 100
)

// writeForEver inserts and updates rows, and says on stdout which batch of which writer the store has.
func writeForEver(dir string) error {
	s, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		return err
	}
	var out sync.Mutex
	failed := make(chan error, writers)
	life64, err := strconv.ParseUint(os.Getenv(crashLife), 10, 32)
	if err != nil {
		return err
	}
	life := uint32(life64)
	for writer := range uint32(writers) {
		go func() {
			for n := uint32(0); ; n++ {
				rows := crashRows(life, writer, n)
				for version := range 2 {
					lost, err := s.Swap(context.Background(), subject.People, rows)
					if err != nil || len(lost) > 0 {
						failed <- fmt.Errorf("lost %v, %w", lost, err)
						return
					}
					out.Lock()
					_ = binary.Write(os.Stdout, binary.BigEndian, [3]uint32{writer, n, uint32(version) + 1})
					out.Unlock()
				}
			}
		}()
	}
	return <-failed
}

func crashRows(life, writer, n uint32) []subject.Row {
	rows := make([]subject.Row, batch)
	for i := range rows {
		rows[i].Body = make([]byte, 150)
		binary.BigEndian.PutUint64(rows[i].Key[:], rand.New(rand.NewPCG(uint64(life)<<32|uint64(writer), uint64(n)<<32|uint64(i))).Uint64())
		binary.BigEndian.PutUint32(rows[i].Key[8:], life<<8|writer)
		binary.BigEndian.PutUint32(rows[i].Key[12:], n<<8|uint32(i))
	}
	return rows
}

// TestKilled kills a process that writes, 20 times: after each the store opens and has whatever was acknowledged.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	var acknowledged int64
	for life := range uint32(20) {
		said := liveAndDie(t, dir, life)
		s := open(t, dir)
		for _, at := range said {
			rows := crashRows(life, at[0], at[1])
			if err := s.Load(t.Context(), subject.People, rows); err != nil {
				t.Fatal(err)
			}
			for i, row := range rows {
				if row.Version < uint64(at[2]) || len(row.Body) != 150 {
					t.Fatalf("life %d: row %d of batch %v has version %d and %d bytes", life, i, at, row.Version, len(row.Body))
				}
			}
			if at[2] == 1 {
				acknowledged += batch
			}
		}
		st, err := s.Stats(t.Context())
		scanned := int64(0)
		err2 := s.Scan(t.Context(), subject.People, subject.Key{}, func(block []subject.Row) error { scanned += int64(len(block)); return nil })
		if err != nil || err2 != nil || scanned < acknowledged || st.Rows[subject.People] != scanned {
			t.Fatalf("life %d: %d rows acknowledged, %d scanned, %d counted; %v, %v", life, acknowledged, scanned, st.Rows[subject.People], err, err2)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d rows were acknowledged in 20 lives", acknowledged)
}

// liveAndDie runs a writer for a moment, kills it, and gives what it said.
func liveAndDie(t *testing.T, dir string, life uint32) (said [][3]uint32) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir, fmt.Sprint(crashLife, "=", life))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(out)
	for killed := false; ; {
		var at [3]uint32
		if err := binary.Read(from, binary.BigEndian, &at); err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatal(err)
			}
			break
		}
		said = append(said, at)
		if !killed {
			killed = true
			time.AfterFunc(time.Duration(rand.IntN(120))*time.Millisecond, func() { _ = child.Process.Kill() })
		}
	}
	if err := child.Wait(); err == nil || len(said) == 0 {
		t.Fatalf("life %d ended by itself after %d batches: %v", life, len(said), err)
	}
	return said
}
