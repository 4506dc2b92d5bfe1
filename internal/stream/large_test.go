// SPDX-License-Identifier: Apache-2.0

//go:build kafka

package stream

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestKafkaLargeBatches fetches batches that are longer than what is asked for at first. A broker gives only the first
// partition of its answer such a batch whole: were the others not asked for more, it would take four times as many fetches.
func TestKafkaLargeBatches(t *testing.T) {
	const partitions, each = 4, 20
	bed := newBed(t, realBroker(t), partitions, nil)
	random := rand.NewChaCha8([32]byte{1})
	for i := range partitions * each {
		value := make([]byte, 700_000)
		_, _ = random.Read(value) // never fails
		bed.client.Produce(context.Background(), &kgo.Record{Topic: bed.in, Key: []byte{byte(i)}, Value: value}, nil)
	}
	if err := bed.client.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	c := connect(Connection{Brokers: bed.addrs})
	defer c.close()
	states, err := c.refresh(context.Background(), bed.in)
	if err != nil {
		t.Fatal(err)
	}
	var cursors []*cursor
	most, all := int64(0), int64(0)
	for p := range int32(partitions) {
		cursors = append(cursors, &cursor{tp: tp{bed.in, p}, id: states[bed.in].id, leader: leader{broker: -1}})
		end := bed.end(bed.in, p)
		most, all = max(most, end), all+end
	}
	if all != partitions*each {
		t.Fatalf("want %d records, got %d", partitions*each, all)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	f := newFetcher(c, cursors, 32<<20)
	f.follow(ctx)
	defer func() {
		cancel()
		f.done.Wait()
	}()
	fetches := 0
	for done := int64(0); done < all; fetches++ {
		select {
		case got := <-f.out:
			if got.err != nil {
				t.Fatal(got.err)
			}
			for i := range got.response.Topics {
				for j := range got.response.Topics[i].Partitions {
					p := &got.response.Topics[i].Partitions[j]
					from := got.asked[tp{bed.in, p.Partition}].offset
					done += offsetAfter(p.records().bytes, from) - from
				}
			}
			got.release()
		case <-ctx.Done():
			t.Fatalf("read %d of %d records in time", done, all)
		}
	}
	if int64(fetches) > 2*most+4 {
		t.Errorf("%d fetches for partitions of at most %d batches", fetches, most)
	}
	t.Logf("%d fetches for partitions of at most %d batches", fetches, most)
}
