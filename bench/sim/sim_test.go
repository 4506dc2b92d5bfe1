// SPDX-License-Identifier: Apache-2.0

package main

import (
	"container/list"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func source() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// Drawn ranks must follow the law: Pearson's test against the exact shares, at a level that a right sampler misses once in a million.
func TestDrawFollowsTheLaw(t *testing.T) {
	for _, s := range []float64{0.7, 1, 1.1, 1.2, 2} {
		const subjects, draws = 50, 200_000
		z := newZipf(subjects, s)
		count := make([]float64, subjects+1)
		random := source()
		for range draws {
			count[z.draw(random)]++
		}
		sum, p := 0.0, 0.0
		for r := 1; r <= subjects; r++ {
			want := draws * z.p(float64(r))
			p += z.p(float64(r))
			sum += (count[r] - want) * (count[r] - want) / want
		}
		if math.Abs(p-1) > 1e-9 {
			t.Errorf("s = %v: want shares that sum up to 1, got %v", s, p)
		}
		if sum > 113 {
			t.Errorf("s = %v: want a chi-square below 113 for 49 degrees of freedom, got %.0f", s, sum)
		}
	}
}

// The sum over the tail is an integral: it must be what counting gives.
func TestTotalIsTheSum(t *testing.T) {
	for _, s := range []float64{0.9, 1, 1.2} {
		const subjects = 2_000_000
		want := 0.0
		for r := subjects; r >= 1; r-- {
			want += math.Pow(float64(r), -s)
		}
		if got := newZipf(subjects, s).total; math.Abs(got/want-1) > 1e-9 {
			t.Errorf("s = %v: want %v, got %v", s, want, got)
		}
	}
}

// plain is the cache as everybody would write it: the oracle.
type plain struct {
	order    *list.List
	at       map[uint32]*list.Element
	capacity int
}

func (p *plain) use(rank uint32) bool {
	if e, ok := p.at[rank]; ok {
		p.order.MoveToFront(e)
		return true
	}
	if p.order.Len() == p.capacity {
		delete(p.at, p.order.Remove(p.order.Back()).(uint32))
	}
	p.at[rank] = p.order.PushFront(rank)
	return false
}

func TestCacheForgetsTheOldest(t *testing.T) {
	for _, capacity := range []int{1, 2, 7, 300} {
		c, oracle := newLRU(capacity), &plain{list.New(), map[uint32]*list.Element{}, capacity}
		z, random := newZipf(2000, 0.8), source()
		for n := range 100_000 {
			rank := z.draw(random)
			if got, want := c.use(rank), oracle.use(rank); got != want {
				t.Fatalf("capacity %d, use %d of rank %d: want %v, got %v", capacity, n, rank, want, got)
			}
		}
	}
}

// Che's approximation against the simulation of an instance, with and without subjects of other partitions.
func TestCheAgreesWithTheSimulation(t *testing.T) {
	const subjects, entries = 200_000, 5_000
	mine := inTurn(32, 8).owns(tracked)
	for _, s := range []float64{0.8, 1, 1.2} {
		for _, others := range []int{0, 2} {
			z := newZipf(subjects, s)
			all, share := crowds(z, mine, float64(others))
			want, _ := che(all, entries)
			one := instance{z, source(), mine, others, newLRU(entries)}
			one.work(100_000, 100)
			got := one.work(200_000, 100)
			if math.Abs(got.hits()-want) > 0.01 {
				t.Errorf("s = %v, %d others: want a hit rate of %.3f, got %.3f", s, others, want, got.hits())
			}
			if share < 0.02 || share > 0.6 {
				t.Errorf("s = %v: an instance of 8 gets a share of %.2f", s, share)
			}
		}
	}
}

func TestCheWithRoomForAll(t *testing.T) {
	all, _ := crowds(newZipf(10_000, 1), inTurn(16, 4).owns(0), 0)
	if hits, _ := che(all, 10_001); hits != 1 {
		t.Errorf("want every look-up to hit, got %v", hits)
	}
}

// Crowds must neither lose nor invent subjects or look-ups.
func TestCrowdsAreEverybody(t *testing.T) {
	const subjects, others = 3_000_000, 2
	z, d := newZipf(subjects, 1.05), inTurn(48, 6)
	shares := 0.0
	for i := range 6 {
		all, share := crowds(z, d.owns(i), others)
		n, asked := 0.0, 0.0
		for _, c := range all {
			n += c.size
			asked += c.size * c.rate
		}
		if math.Abs(n-subjects) > 1 {
			t.Errorf("instance %d: want %d subjects, got %.1f", i, subjects, n)
		}
		if math.Abs(asked-1-others) > 1e-3 {
			t.Errorf("instance %d: want %d look-ups an event, got %v", i, 1+others, asked)
		}
		shares += share
	}
	if math.Abs(shares-1) > 1e-6 {
		t.Errorf("want all events dealt out, got a share of %v", shares)
	}
}

func TestDeals(t *testing.T) {
	const partitions, n = 256, 16
	now := inTurn(partitions, n)
	kept, given := now.without(n-1, n), now.with(n)
	count := func(d deal, instances int) (least, most int) {
		all := make([]int, instances)
		for _, i := range d {
			all[i]++
		}
		least = partitions
		for _, c := range all {
			least, most = min(least, c), max(most, c)
		}
		return least, most
	}
	if least, most := count(kept, n-1); least < 17 || most > 18 {
		t.Errorf("want 17 or 18 partitions each after one left, got %d to %d", least, most)
	}
	if least, most := count(given, n+1); least < 15 || most > 16 {
		t.Errorf("want 15 or 16 partitions each after one joined, got %d to %d", least, most)
	}
	for p := range now {
		if now[p] < n-1 && kept[p] != now[p] {
			t.Errorf("partition %d moved although its instance stayed", p)
		}
		if given[p] != now[p] && given[p] != n {
			t.Errorf("partition %d moved, but not to the new instance", p)
		}
	}
	if got := moved(now, inTurn(partitions, n-1), func(i int) int { return i }); got < 0.85 {
		t.Errorf("want nearly all partitions to move when dealt in turn, got %v", got)
	}
}

func TestBatchesAskOnce(t *testing.T) {
	one := instance{newZipf(1000, 1), source(), inTurn(4, 2).owns(0), 1, newLRU(1000)}
	got := one.work(10_000, 100)
	if got.events != 10_000 || got.lookups != 20_000 || got.batches != 100 {
		t.Errorf("want 10,000 events with 20,000 look-ups in 100 batches, got %+v", got)
	}
	if got.misses > 1000 || got.misses < 900 {
		t.Errorf("want each of 1,000 subjects missed at most once, got %d misses", got.misses)
	}
	if again := one.work(10_000, 100); again.misses > 100 {
		t.Errorf("want hardly a miss in a cache that holds everybody, got %d", again.misses)
	}
}

// The same seed gives the same tables, so that a document can show them.
func TestTablesAreReproducible(t *testing.T) {
	args := []string{"-subjects", "100000", "-events", "20000", "-rate", "20000", "-partitions", "32", "-instances", "4", "-caches", "500,2000", "-cache", "1000", "-seconds", "3", "-s", "1.0"}
	var one, two strings.Builder
	if err := run(args, &one); err != nil {
		t.Fatal(err)
	}
	if err := run(args, &two); err != nil {
		t.Fatal(err)
	}
	if one.String() != two.String() {
		t.Errorf("want the same twice, got\n%s\nand\n%s", one.String(), two.String())
	}
	for _, want := range []string{"### The busiest partition", "### Caches", "### Instances come and go", "one leaves, the others keep theirs"} {
		if !strings.Contains(one.String(), want) {
			t.Errorf("want `%s`, got\n%s", want, one.String())
		}
	}
	for _, wrong := range [][]string{{"-instances", "1"}, {"-s", "x"}, {"-caches", "0"}, {"-partitions", "4"}} {
		if err := run(wrong, &one); err == nil {
			t.Errorf("%v: want an error, got none", wrong)
		}
	}
}

// The plan must be what its formulas say, computed here by hand.
func TestPlan(t *testing.T) {
	p := plan{
		rate: 1e6, recipients: 2, cpu: 10, further: 5, broker: 8, in: 500, out: 400, busy: 0.5, zones: 3, cores: 4, skew: 2,
		replicas: 3, hoursIn: 10, hoursOut: 100, commit: 0.1, peak: 200, worker: 50, pause: 3,
	}
	n := p.need()
	for _, c := range []struct {
		what      string
		want, got float64
	}{
		{"cores at work", 15, n.used},
		{"cores to have: 15 / 0.5 * 3/2", 45, n.cores},
		{"instances: 12 of 4 cores, 4 in each zone", 12, float64(n.instances)},
		{"partitions: above 3 * 48", 256, float64(n.partitions)},
		{"busiest partition", 7812.5, n.hottest},
		{"a worker carries", 1e6 / 15.0, n.perWorker},
		{"memory", 12 * 350, n.memory},
		{"read", 500, n.readMB},
		{"written", 800, n.writeMB},
		{"brokers' cores", 12, n.brokerCPU},
		{"brokers read", 3900, n.brokerIn},
		{"brokers send", 3900, n.brokerOut},
		{"disk", (500*10 + 800*100) * 3600 * 3 / 1e6, n.disk},
		{"markers by key", 480 * 512, n.markers},
		{"markers by source", 5120, n.fewer},
		{"catching up: 3 M events at 48/15 - 1 M events/s", 3 / 2.2, n.catchUp},
	} {
		if math.Abs(c.got-c.want) > 1e-9*c.want {
			t.Errorf("%s: want %v, got %v", c.what, c.want, c.got)
		}
	}
	var text strings.Builder
	if err := run([]string{"-plan", "-rate", "2000000"}, &text); err != nil {
		t.Fatal(err)
	}
	if want := "### Plan for 2.0 M events/s"; !strings.Contains(text.String(), want) {
		t.Errorf("want `%s`, got\n%s", want, text.String())
	}
	if err := run([]string{"-plan", "-busy", "2"}, &text); err == nil {
		t.Error("want an error for more than all cores, got none")
	}
}
