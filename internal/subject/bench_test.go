// SPDX-License-Identifier: Apache-2.0

package subject_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/nymstream/nymstream/internal/store/embedded"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

const benchBatch = 500

// newcomers makes a batch of people who are alike but for their number.
func newcomers(label []byte, from, n int) []subject.Newcomer {
	all := make([]subject.Newcomer, n)
	for i := range all {
		canonical := fmt.Appendf(nil, "%018d", 100_000_000_000_000+from+i)
		name := append(append(make([]byte, 0, len(label)+len(canonical)), label...), canonical...)
		all[i] = subject.Newcomer{Name: name, Instance: "mastodon", Type: "account", Canonical: canonical}
	}
	return all
}

func namesOf(all []subject.Newcomer) [][]byte {
	names := make([][]byte, len(all))
	for i := range all {
		names[i] = all[i].Name
	}
	return names
}

// BenchmarkCreate makes new people in batches of 500, as the pipeline does: find, load, create. One operation is one person.
func BenchmarkCreate(b *testing.B) {
	for _, bench := range []struct {
		name string
		open func(b *testing.B) subject.Store
	}{
		{"memory", func(*testing.B) subject.Store { return storetest.Memory() }},
		{"embedded", func(b *testing.B) subject.Store {
			s, err := embedded.Open(b.TempDir(), embedded.Options{})
			if err != nil {
				b.Fatal(err)
			}
			return s
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			store, keys := bench.open(b), newKeys(b)
			defer store.Close()
			d := subject.NewDirectory(subject.Options{Store: store, Keys: keys})
			label := keys.SubjectLabel("mastodon", "acc")
			all := newcomers(label, 0, b.N)
			b.ReportAllocs()
			b.ResetTimer()
			for from := 0; from < b.N; from += benchBatch {
				batch := all[from:min(from+benchBatch, b.N)]
				if err := d.Load(context.Background(), namesOf(batch)); err != nil {
					b.Fatal(err)
				}
				if err := d.Create(context.Background(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "people/s")
		})
	}
}

// BenchmarkFind asks for people at hand, in an order that no processor cache foresees. The name is at hand, as in the pipeline:
// writing its number is part of what is measured, "name" says how much.
func BenchmarkFind(b *testing.B) {
	for _, people := range []int{1_000, 100_000, 1_000_000} {
		d, names := crowd(b, people)
		run := func(name string, find func([]byte) bool) {
			b.Run(fmt.Sprintf("%s/%d", name, people), func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					at := bytes.Clone(names[0])
					for i := 0; pb.Next(); i++ {
						number(at, i*7919%people)
						if !find(at) {
							b.Fatal("not at hand")
						}
					}
				})
			})
		}
		run("find", func(name []byte) bool { return d.Find(name) != nil })
		run("name", func([]byte) bool { return true })
	}
}

// number writes the last eight digits of a name.
func number(name []byte, n int) {
	for i := len(name) - 1; i >= len(name)-8; i, n = i-1, n/10 {
		name[i] = '0' + byte(n%10)
	}
}

// crowd gives a directory that holds people of whom the store knows nothing.
func crowd(tb testing.TB, people int) (*subject.Directory, [][]byte) {
	keys := newKeys(tb)
	d := subject.NewDirectory(subject.Options{Store: storetest.Memory(), Keys: keys, Cache: 2 * people})
	all := newcomers(keys.SubjectLabel("mastodon", "acc"), 0, people)
	names := namesOf(all)
	for from := 0; from < people; from += benchBatch {
		if err := d.Load(context.Background(), names[from:min(from+benchBatch, people)]); err != nil {
			tb.Fatal(err)
		}
	}
	return d, names
}

// TestMemoryOfAMillion holds what the package says of memory.
func TestMemoryOfAMillion(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	const people, most = 1 << 20, 300 // bytes a person
	keys := newKeys(t)
	names := namesOf(newcomers(keys.SubjectLabel("mastodon", "acc"), 0, people))
	before := heap()
	d := subject.NewDirectory(subject.Options{Store: storetest.Memory(), Keys: keys, Cache: people})
	for from := 0; from < people; from += benchBatch {
		if err := d.Load(t.Context(), names[from:min(from+benchBatch, people)]); err != nil {
			t.Fatal(err)
		}
	}
	held := d.People()
	each := float64(heap()-before) / float64(held)
	t.Logf("%d people held, %.0f bytes each", held, each)
	if each > most {
		t.Errorf("%.0f bytes a person, want at most %d", each, most)
	}
	runtime.KeepAlive(names)
	runtime.KeepAlive(d)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
