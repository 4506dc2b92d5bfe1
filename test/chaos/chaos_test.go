// SPDX-License-Identifier: Apache-2.0

//go:build chaos

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nymstream/nymstream/test/rig"
)

// round says what happens during one run of the harness.
type round struct {
	events    int64 // at least; the producer goes on until the last fault is over
	perSecond int
	warm      bool // wait until the group has committed every partition; else the first fault meets its very first transaction
	faults    []planned
}

type planned struct {
	fault fault
	times int
}

// wholeRound is the promise of the README: 32 kills of instances, 26 of them inside an open transaction, 8 zombies, 4 brokers.
var wholeRound = round{
	events: 300_000, perSecond: 800,
	faults: []planned{
		{killBeforeEnd, 6}, {killInTransaction, 20}, {killAnywhere, 6},
		{zombieRefused, 3}, {zombieRightful, 2}, {zombieInTransaction, 2}, {zombieAnywhere, 1},
		{brokerOfOutput, 1}, {brokerOfTransactions, 1}, {brokerOfGroup, 1}, {brokerOfInput, 1},
	},
}

// shortRound fits into a CI run.
var shortRound = round{
	events: 60_000, perSecond: 700,
	faults: []planned{
		{killBeforeEnd, 1}, {killInTransaction, 3}, {killAnywhere, 1},
		{zombieRefused, 2}, {brokerOfOutput, 1},
	},
}

// controlRound has only the fault that stable offsets protect from.
var controlRound = round{events: 10_000, perSecond: 500, warm: true, faults: []planned{{zombieRightful, 3}}}

func short() bool { return testing.Short() || os.Getenv("CHAOS_ROUND") == "short" }

func TestExactlyOnce(t *testing.T) {
	r := wholeRound
	if short() {
		r = shortRound
	}
	referee, w := play(t, r)
	report(t, referee, w)
	for _, name := range []string{analytics, partner} {
		if v := referee.Verdict(name); !v.OK() {
			t.Errorf("%s: exactly once is violated: %+v", name, v)
		}
	}
}

// Without stable offsets the heir of a zombie reads offsets that the zombie's open transaction is about to move:
// a harness that does not see the duplicates then would not see them ever.
func TestRefereeSeesWhatUnstableOffsetsDo(t *testing.T) {
	referee, w := play(t, controlRound, rig.UnstableVariable+"=1")
	report(t, referee, w)
	for _, name := range []string{analytics, partner} {
		if v := referee.Verdict(name); v.Duplicated == 0 {
			t.Errorf("%s: want duplicates, got %+v", name, v)
		}
	}
}

// play runs a round to its end and lets the referee count.
func play(t *testing.T, r round, env ...string) (*Referee, *world) {
	t.Helper()
	bin := rig.Build(t)
	cluster := rig.StartCluster(t, rig.ClusterOptions{Version: os.Getenv("NYMSTREAM_KAFKA_VERSION"), Brokers: 3})
	w := newWorld(t, bin, cluster, env...)
	faults := shuffled(t, r.faults)
	g, ctx := errgroup.WithContext(t.Context())
	g.Go(func() error { return w.produce(ctx, r.events, r.perSecond) })
	g.Go(func() error {
		defer w.hurry.Store(true)
		if r.warm {
			if err := w.awaitOffsets(ctx); err != nil {
				return err
			}
		}
		return wreck(ctx, t, w, faults)
	})
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	referee, err := w.finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return referee, w
}

// shuffled brings all faults but the first into an order that CHAOS_SEED repeats.
func shuffled(t *testing.T, plan []planned) []fault {
	seed, err := strconv.ParseUint(os.Getenv("CHAOS_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("CHAOS_SEED=%d", seed)
	var faults []fault
	for _, p := range plan {
		for range p.times {
			faults = append(faults, p.fault)
		}
	}
	rest := faults[1:]
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	return faults
}

func wreck(ctx context.Context, t *testing.T, w *world, faults []fault) error {
	began := time.Now()
	for n, f := range faults {
		victim := w.a
		if n%2 == 1 {
			victim = w.b
		}
		since := time.Now()
		if err := f.do(ctx, w, victim); err != nil {
			return fmt.Errorf("%s (%s): %w", f.name, victim.Name, err)
		}
		t.Logf("%6.1fs %2d/%d %s: %s, %.1f s", time.Since(began).Seconds(), n+1, len(faults), victim.Name, f.name, time.Since(since).Seconds())
		w.done[f.name]++
		if err := pause(ctx, time.Duration(200+rand.IntN(1300))*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// report prints what was done and what came of it.
func report(t *testing.T, r *Referee, w *world) {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "recipient\tin\tforwarded\twithheld\tquarantined\tlost\tleaked\tduplicated\tdisordered\tunknown\trekeyed\t")
	for _, name := range []string{analytics, partner} {
		v := r.Verdict(name)
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", name, v.In, v.Forwarded, v.Withheld, v.Quarantined,
			v.Lost, v.Leaked, v.Duplicated, v.Disordered, v.Unknown, v.Rekeyed)
	}
	_ = table.Flush()
	fmt.Fprintf(&text, "\nApache Kafka %s, 3 brokers, 2 instances, %d input partitions\n", w.cluster.Version, inputPartitions)
	for _, f := range []fault{killInTransaction, killBeforeEnd, killAnywhere, zombieRefused, zombieRightful, zombieInTransaction, zombieAnywhere,
		brokerOfOutput, brokerOfTransactions, brokerOfGroup, brokerOfInput} {
		if w.done[f.name] > 0 {
			fmt.Fprintf(&text, "%4d × %s\n", w.done[f.name], f.name)
		}
	}
	fmt.Fprintf(&text, "%4d instances ended by themselves and were restarted: %s\n", len(w.exits()), strings.Join(w.exits(), "; "))
	t.Log("\n" + text.String())
}
