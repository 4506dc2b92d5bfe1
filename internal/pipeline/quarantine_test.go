// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

func TestQuarantineOpens(t *testing.T) {
	p := load(t, "testdata/social-policy.yaml", Options{})
	worker := p.Worker()
	for _, want := range []*event.Record{
		{Topic: "raw.social", Partition: 3, Offset: 1 << 40, Time: time.Now().UnixMilli(), Key: []byte("jane"), Value: []byte(`{"email":"jane.roe@example.org`),
			Headers: []event.Header{{Key: []byte("ce_subject"), Value: []byte("jane")}, {Key: []byte("empty"), Value: []byte{}}, {Key: []byte("null")}}},
		{Topic: "raw.social", Value: []byte{}},
		{Topic: "raw.social", Time: -1},
	} {
		sealed, err := worker.Seal([]byte("before"), &event.Quarantined{Record: want, Recipients: []int{1, 0}, Reason: event.Malformed})
		if err != nil {
			t.Fatal(err)
		}
		sealed = bytes.TrimPrefix(sealed, []byte("before"))
		if bytes.Contains(sealed, []byte("jane")) {
			t.Error("the sealed record holds a clear value")
		}
		got, recipients, err := p.Open(sealed)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("opened another record than was sealed, error %v", err)
		}
		if want := []string{"partner", "analysts"}; !slices.Equal(recipients, want) {
			t.Errorf("opened for %v, want %v", recipients, want)
		}
		for i := range sealed {
			broken := bytes.Clone(sealed)
			broken[i] ^= 1
			if _, _, err := p.Open(broken); !errors.Is(err, ErrUnreadable) {
				t.Fatalf("opened with byte %d changed, error %v", i, err)
			}
		}
	}
	if _, _, err := load(t, "testdata/social-policy.yaml", Options{}).Open([]byte("\x012026-01-01nothing")); !errors.Is(err, ErrUnreadable) {
		t.Errorf("opened a foreign value, error %v", err)
	}
}

// FuzzReadOriginal reads what a seal holds.
func FuzzReadOriginal(f *testing.F) {
	f.Add(appendOriginal(nil, &event.Record{Topic: "t", Key: []byte("k"), Value: []byte("v"), Headers: []event.Header{{Key: []byte("h")}}}))
	f.Fuzz(func(t *testing.T, plain []byte) {
		r, err := (&original{rest: plain}).record()
		if err != nil {
			return
		}
		again, err := (&original{rest: appendOriginal(nil, r)}).record()
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%+v is read back as %+v, error %v", r, again, err)
		}
	})
}

// TestReplay decides again what was quarantined, for the recipients it was meant for and for nobody else.
func TestReplay(t *testing.T) {
	p := load(t, "testdata/social-policy.yaml", Options{AssumeConsent: true})
	n := &note{pipeline: p}
	rec := value(`{"kind":"post","post":{"author":{"id":7}}}`)
	rec.Topic, rec.Time = "raw.social", time.Now().UnixMilli()
	if err := p.For([]int{1}).Process([]event.Record{rec}, n); err != nil {
		t.Fatal(err)
	}
	if len(n.lines) != 1 || plainly(n.lines[0]) != `partner: {"post":{"author":{"id":"ACC1"}}}` {
		t.Errorf("got %q", n.lines)
	}
}
