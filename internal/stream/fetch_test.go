// SPDX-License-Identifier: Apache-2.0

package stream

import "testing"

// Of a batch that is longer than what a fetch asks for, a broker gives nothing, unless its partition is the first of the
// answer. The next fetch asks for more, or the partition would wait until its turn to be the first.
func TestFetchAsksForMore(t *testing.T) {
	c := &cursor{tp: tp{"in", 0}, leader: leader{broker: 1}}
	f := newFetcher(&cluster{}, []*cursor{c}, 32<<20)
	batch := func(size int) []byte {
		var b builder
		b.append(1, nil, make([]byte, size), nil)
		out, err := b.pack(&compressor{}, None, identity{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		return at(out, c.fetch)
	}
	for _, step := range []struct {
		name   string
		set    []byte
		stable int64
		moved  bool
		asked  int
	}{
		{"at the end", nil, 0, false, partitionBytes},
		{"a small batch", batch(1000), 2, true, partitionBytes},
		{"nothing, though there is more", nil, 2, false, wideBytes},
		{"still nothing", nil, 2, false, wideBytes},
		{"a batch cut", batch(700_000)[:partitionBytes], 2, false, wideBytes},
		{"a large batch", batch(700_000), 2, true, wideBytes},
		{"the end of the large ones", nil, 2, false, wideBytes},
		{"a small one again", batch(1000), 4, true, partitionBytes},
	} {
		if len(step.set) > 8 {
			at(step.set, c.fetch)
		}
		before := c.fetch
		c.advance(step.set, step.stable)
		if got := c.fetch > before; got != step.moved {
			t.Errorf("%s: want the cursor moved: %v, got from %d to %d", step.name, step.moved, before, c.fetch)
		}
		req, _, _ := f.request(1)
		if got := int(req.Topics[0].Partitions[0].MaxBytes); got != step.asked {
			t.Errorf("%s: want %d bytes asked for next, got %d", step.name, step.asked, got)
		}
	}
}
