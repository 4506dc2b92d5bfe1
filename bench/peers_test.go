// SPDX-License-Identifier: Apache-2.0

//go:build bench && linux

package bench

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/workload"
	"github.com/nymstream/nymstream/test/rig"
)

// effort is how much is measured: BENCH_QUICK=1 shows that all works, its figures mean little.
type effort struct {
	sizes        []workload.Size
	rounds       int   // in process
	turn         int64 // nanoseconds of CPU time that a contender gets in a round, at least
	warmup       int   // events of the smallest size for what compiles while it runs
	events       int   // from Kafka to Kafka; slow contenders get a tenth
	kafkaRounds  int
	corpusEvents int // of the smallest size; of larger ones as many bytes
}

func plan(t *testing.T) effort {
	e := effort{sizes: []workload.Size{workload.Size1K, workload.Size3K, workload.Size10K},
		rounds: 7, turn: 1e9, warmup: 2_000_000, events: 2_000_000, kafkaRounds: 3, corpusEvents: 10_000}
	if os.Getenv("BENCH_QUICK") != "" {
		e = effort{sizes: e.sizes[:1], rounds: 2, turn: 1e8, warmup: 50_000, events: 50_000, kafkaRounds: 1, corpusEvents: 5_000}
	}
	e.rounds, e.kafkaRounds = setting(t, "BENCH_ROUNDS", e.rounds), setting(t, "BENCH_ROUNDS", e.kafkaRounds)
	e.events = setting(t, "BENCH_EVENTS", e.events)
	return e
}

// TestBenchPeers measures the product beside its peers, prints and saves. The settings are explained in docs/PERFORMANCE.md.
func TestBenchPeers(t *testing.T) {
	root, err := rig.Root()
	if err != nil {
		t.Fatal(err)
	}
	all, missing := peers(t, root)
	r, e := &PeersReport{Machine: machine(), Versions: versions(root), Missing: missing}, plan(t)
	if parts := os.Getenv("BENCH_PARTS"); parts == "" || strings.Contains(parts, "transform") {
		t.Run("transform", func(t *testing.T) { inProcess(t, r, all, e) })
	}
	if parts := os.Getenv("BENCH_PARTS"); parts == "" || strings.Contains(parts, "kafka") {
		t.Run("kafka", func(t *testing.T) { besidePeers(t, r, root, all, e) })
	}
	r.Judge()
	if err := r.Print(os.Stdout); err != nil {
		t.Fatal(err)
	}
	if file := place("BENCH_JSON", root); file != "" {
		if err := r.Save(file); err != nil {
			t.Fatal(err)
		}
	}
	if file := place("BENCH_SVG", root); file != "" {
		if err := r.Plot().Save(file); err != nil {
			t.Fatal(err)
		}
	}
}

// besidePeers is the course from Kafka to Kafka with peers. One that fails is reported and gets no further round.
func besidePeers(t *testing.T, r *PeersReport, root string, all []*peer, e effort) {
	c := newCourse(t, root)
	racing := append([]contender{c.passthrough(t)}, c.products(t)...)
	for _, p := range all {
		if p.kafka {
			racing = append(racing, p.contender())
		}
	}
	c.full = c.produce(t, workload.Topic, e.events)
	r.Inputs = append(r.Inputs, &c.full.Input)
	if slices.ContainsFunc(racing, func(who contender) bool { return who.slow }) {
		c.tenth = c.produce(t, workload.Topic+".tenth", max(e.events/10, min(e.events, sampled)))
		r.Inputs = append(r.Inputs, &c.tenth.Input)
	}
	for i := range racing {
		r.Kafka = append(r.Kafka, racing[i].result(c))
	}
	out := map[string]bool{}
	for round := range e.kafkaRounds {
		for i := range racing {
			n := (i + round) % len(racing)
			who := &racing[n]
			if out[who.name] {
				continue
			}
			if err := c.round(t, who, round, r.Kafka[n]); err != nil {
				t.Errorf("round %d, %s: %v", round+1, who.name, err)
				r.Missing = append(r.Missing, Missing{who.name, fmt.Sprintf("Kafka to Kafka: %v", err)})
				out[who.name] = true
				r.Kafka[n].Runs = nil // a contender that failed once has no figures
			}
		}
	}
}
