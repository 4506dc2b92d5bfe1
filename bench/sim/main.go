// SPDX-License-Identifier: Apache-2.0

// Command sim estimates what a store of subjects would be asked when each instance keeps a cache of them: hit rates and look-ups under a
// Zipf law, and what happens when instances come and go. docs/SCALING.md shows its output.
//
//	go run ./bench/sim          the cache and the group
//	go run ./bench/sim -plan    the plan of a fleet, from measured figures
//
// Caches are simulated event by event at full scale where that is affordable; Che's approximation is printed beside them and stands
// alone elsewhere. The same flags and seed give the same tables.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
)

type settings struct {
	subjects, partitions, instances, others, batch, events, seconds int
	rate                                                            float64
	exponents                                                       []float64
	caches                                                          []int
	cache                                                           int
	seed                                                            uint64
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func run(args []string, out io.Writer) error {
	var s settings
	var exponents, caches string
	var p plan
	var planned bool
	flags := flag.NewFlagSet("sim", flag.ContinueOnError)
	flags.IntVar(&s.subjects, "subjects", 100_000_000, "subjects")
	flags.Float64Var(&s.rate, "rate", 1_000_000, "events a second of all instances")
	flags.IntVar(&s.partitions, "partitions", 128, "source partitions, keyed by who acts")
	flags.IntVar(&s.instances, "instances", 9, "instances of the group")
	flags.IntVar(&s.others, "others", 2, "subjects looked up in each event beside who acts: mentioned, answered to")
	flags.IntVar(&s.batch, "batch", 700, "events in a batch: the misses of one batch are one round trip")
	flags.StringVar(&exponents, "s", "1.0,1.1,1.2", "exponents of the Zipf law")
	flags.StringVar(&caches, "caches", "100000,1000000,10000000", "entries of an instance's cache")
	flags.IntVar(&s.cache, "cache", 1_000_000, "entries of the cache while instances come and go")
	flags.IntVar(&s.events, "events", 2_500_000, "events to simulate for each row: the first half warms the cache")
	flags.IntVar(&s.seconds, "seconds", 40, "seconds to simulate after a change")
	flags.Uint64Var(&s.seed, "seed", 1, "seed")
	flags.BoolVar(&planned, "plan", false, "print only the plan of the fleet, for -rate")
	p.flags(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	var err error
	if s.exponents, err = parseList(exponents, func(t string) (float64, error) { return strconv.ParseFloat(t, 64) }); err != nil {
		return fmt.Errorf("-s: %w", err)
	}
	if s.caches, err = parseList(caches, strconv.Atoi); err != nil {
		return fmt.Errorf("-caches: %w", err)
	}
	if err := s.validate(); err != nil {
		return err
	}
	if planned {
		p.rate = s.rate
		if err := p.validate(); err != nil {
			return err
		}
		p.print(out)
		return nil
	}
	fmt.Fprintf(out, "%d subjects, %.0f events/s, %d partitions, %d instances, %d other subjects in an event, batches of %d, seed %d\n",
		s.subjects, s.rate, s.partitions, s.instances, s.others, s.batch, s.seed)
	for _, table := range []func(*settings, io.Writer){hotSpots, steady, changes} {
		table(&s, out)
	}
	return nil
}

func parseList[T any](text string, parse func(string) (T, error)) (all []T, err error) {
	for part := range strings.SplitSeq(text, ",") {
		v, err := parse(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

func (s *settings) validate() error {
	if s.instances < 2 || s.partitions < s.instances+1 || s.subjects < 1000 || s.subjects > 1<<31 || s.batch < 1 || s.others < 0 ||
		s.events < 1000 || s.seconds < 1 || s.rate < float64(s.instances) || s.cache < 1 {
		return errors.New("want at least 2 instances, more partitions than instances, 1,000 subjects, 1,000 events, and no negative numbers")
	}
	for _, e := range s.exponents {
		if e <= 0 || e > 5 {
			return errors.New("-s: want exponents above 0, at most 5")
		}
	}
	for _, c := range s.caches {
		if c < 1 || c > 1<<30 {
			return errors.New("-caches: want numbers above 0")
		}
	}
	return nil
}

// source makes the random numbers of one row: each has its own, so that rows can be simulated side by side.
func (s *settings) source(row int) *rand.Rand { return rand.New(rand.NewPCG(s.seed, uint64(row))) }

// rows computes rows side by side and gives them in order.
func rows(n int, row func(i int) string) []string {
	all := make([]string, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() { all[i] = row(i) })
	}
	wait.Wait()
	return all
}

func markdown(out io.Writer, title, header string, rows []string) {
	fmt.Fprintf(out, "\n### %s\n\n| %s |\n|%s\n", title, header, strings.Repeat("---|", strings.Count(header, "|")+1))
	for _, r := range rows {
		if r != "" {
			fmt.Fprintf(out, "| %s |\n", r)
		}
	}
}

// hotSpots says how unevenly the events fall on partitions. No cache mends that, and no further instance.
func hotSpots(s *settings, out io.Writer) {
	counts := []int{64, 128, 256, 512, 1024}
	markdown(out, "The busiest partition", "s | busiest subject, share | events/s | "+join(counts, func(n int) string { return fmt.Sprintf("busiest of %d partitions, events/s (times the mean)", n) }),
		rows(len(s.exponents), func(i int) string {
			z := newZipf(s.subjects, s.exponents[i])
			return fmt.Sprintf("%.1f | %.2f %% | %s | ", z.s, 100*z.p(1), thousands(s.rate*z.p(1))) + join(counts, func(n int) string {
				most := busiest(z, n)
				return fmt.Sprintf("%s (%.1f)", thousands(s.rate*most), most*float64(n))
			})
		}))
}

// busiest gives the share of the partition with most events: the head is placed subject by subject, the tail evenly.
func busiest(z *zipf, partitions int) (most float64) {
	load := make([]float64, partitions)
	rest := 1.0
	for r := 1; r <= min(head, z.subjects); r++ {
		load[partitionOf(uint32(r), partitions)] += z.p(float64(r))
		rest -= z.p(float64(r))
	}
	for _, l := range load {
		most = max(most, l+max(rest, 0)/float64(partitions))
	}
	return most
}

// kinds are the numbers of others in an event to look at: none, and what was asked for.
func (s *settings) kinds() []int {
	if s.others == 0 {
		return []int{0}
	}
	return []int{0, s.others}
}

func join(numbers []int, cell func(int) string) string {
	cells := make([]string, len(numbers))
	for i, n := range numbers {
		cells[i] = cell(n)
	}
	return strings.Join(cells, " | ")
}

// tracked is the position of the instance that is simulated.
const tracked = 1

// steady says what caches of several sizes do when nothing changes. Look-ups are the sum of Che's over all instances, because the
// busiest subjects make instances unequal; one instance is simulated too, which tells how far Che's approximation is off.
func steady(s *settings, out io.Writer) {
	deal := inTurn(s.partitions, s.instances)
	kinds := s.kinds()
	n := len(s.exponents) * len(kinds) * len(s.caches)
	markdown(out, "Caches", "s | others in an event | entries an instance | hit rate, Che | simulated | difference | misses/s of all instances | rows in a round trip | round trips/s",
		rows(n, func(i int) string {
			entries, others, z := s.caches[i%len(s.caches)], kinds[i/len(s.caches)%len(kinds)], newZipf(s.subjects, s.exponents[i/len(s.caches)/len(kinds)])
			misses, trips := 0.0, 0.0
			for at := range s.instances {
				all, share := crowds(z, deal.owns(at), float64(others))
				hits, _ := che(all, entries)
				m := s.rate * share * float64(1+others) * (1 - hits)
				misses += m
				trips += min(m, s.rate*share/float64(s.batch))
			}
			all, _ := crowds(z, deal.owns(tracked), float64(others))
			hits, lifetime := che(all, entries)
			simulated := "- | -"
			if lifetime < float64(s.events)/2 { // else the cache would not even be full
				one := instance{z, s.source(i), deal.owns(tracked), others, newLRU(entries)}
				one.work(s.events/2, s.batch)
				t := one.work(s.events/2, s.batch)
				simulated = fmt.Sprintf("%.1f %% | %+.2f points", 100*t.hits(), 100*(hits-t.hits()))
			}
			return fmt.Sprintf("%.1f | %d | %s | %.1f %% | %s | %s | %.0f | %s", z.s, others, thousands(float64(entries)), 100*hits, simulated,
				thousands(misses), misses/max(trips, 1), thousands(trips))
		}))
}

func thousands(x float64) string {
	switch {
	case x >= 1e6:
		return strconv.FormatFloat(x/1e6, 'f', 1, 64) + " M"
	case x >= 10_000:
		return strconv.FormatFloat(x/1e3, 'f', 0, 64) + " k"
	case x >= 1000:
		return strconv.FormatFloat(x/1e3, 'f', 1, 64) + " k"
	}
	return strconv.FormatFloat(x, 'f', 0, 64)
}

// change is something that happens to a group, seen by one instance.
type change struct {
	name          string
	before, after deal
	position      int // of the instance afterwards
	empty         bool
	affected      int     // instances that fare like this one; the others stay as they are
	moved         float64 // share of all partitions
}

func (s *settings) changes() []change {
	n := s.instances
	now := inTurn(s.partitions, n)
	gone := n - 1 // the last: with another, the others' positions change too, and more moves
	stays := func(i int) int {
		if i == gone {
			return -1
		}
		return i
	}
	same := func(i int) int { return i }
	fewer, more := inTurn(s.partitions, n-1), inTurn(s.partitions, n+1)
	kept, given := now.without(gone, n), now.with(n)
	return []change{
		{"one instance restarts with an empty cache", now, now, tracked, true, 1, 0},
		{"one leaves, dealt in turn as today", now, fewer, tracked, false, n - 1, moved(now, fewer, stays)},
		{"one leaves, the others keep theirs", now, kept, tracked, false, n - 1, moved(now, kept, stays)},
		{"one joins, dealt in turn as today: the others", now, more, tracked, false, n, moved(now, more, same)},
		{"one joins, the others give up a share: the new one", now, given, n, true, 1, moved(now, given, same)},
	}
}

// changes says what happens to the look-ups when the group changes: seconds of one instance are simulated, before and after.
func changes(s *settings, out io.Writer) {
	z, all := newZipf(s.subjects, s.exponents[0]), s.changes()
	for _, others := range s.kinds() {
		title := fmt.Sprintf("Instances come and go: s = %.1f, %s entries, %d others in an event", z.s, thousands(float64(s.cache)), others)
		markdown(out, title, "change | partitions that move | hit rate before | in the first second | misses/s of an affected instance: before | first second | within 10 % of the new level after | all instances: before | first second",
			rows(len(all), func(i int) string { return s.change(z, &all[i], others, i) }))
	}
}

func (s *settings) change(z *zipf, c *change, others, row int) string {
	subjects, share := crowds(z, c.before.owns(tracked), float64(others))
	_, lifetime := che(subjects, s.cache)
	second := int(s.rate * share)
	one := instance{z, s.source(1000*(1+others) + row), c.before.owns(tracked), others, newLRU(s.cache)}
	one.work(max(s.events, int(min(1.2*lifetime, 4*float64(s.events)))), s.batch) // until the cache is as full as it will be
	before := one.work(second, s.batch)

	subjects, share = crowds(z, c.after.owns(c.position), float64(others))
	hits, _ := che(subjects, s.cache)
	level := s.rate * share * float64(1+others) * (1 - hits)
	one.mine = c.after.owns(c.position)
	if c.empty {
		one.cache = newLRU(s.cache)
	}
	second = int(s.rate * share)
	var first traffic
	recovered := fmt.Sprintf("more than %d s", s.seconds)
	for n := range s.seconds {
		t := one.work(second, s.batch)
		if n == 0 {
			first = t
		}
		if float64(t.misses) <= 1.1*level {
			recovered = fmt.Sprintf("%d s", n)
			break
		}
	}
	fleet := float64(s.instances) * float64(before.misses)
	then := fleet + float64(c.affected)*float64(first.misses-before.misses)
	return fmt.Sprintf("%s | %.0f %% | %.1f %% | %.1f %% | %s | %s | %s | %s | %s", c.name, 100*c.moved, 100*before.hits(), 100*first.hits(),
		thousands(float64(before.misses)), thousands(float64(first.misses)), recovered, thousands(fleet), thousands(then))
}
