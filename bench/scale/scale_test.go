// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/workload"
)

// compiled is a variant with keys.
type compiled struct {
	plan *policy.Plan
	keys *keyring.Keyring
	pipe *pipeline.Pipeline
}

func compile(t testing.TB, v Variant) *compiled {
	t.Helper()
	file, err := v.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := &compiled{}
	if c.plan, err = policy.Load(file, policy.Packs()); err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range c.plan.Recipients {
		names = append(names, c.plan.Recipients[i].Name)
	}
	if c.keys, err = keyring.Ephemeral("scale", names, time.Now()); err != nil {
		t.Fatal(err)
	}
	if c.pipe, err = pipeline.New(c.plan, c.keys, pipeline.Options{}); err != nil {
		t.Fatal(err)
	}
	return c
}

// last counts what is forwarded and keeps the last value of each recipient.
type last struct {
	forwarded, other int
	values           map[int][]byte // nil: values are not kept
}

func (l *last) Forward(recipient int, _ *event.Record, out *event.Output) error {
	l.forwarded++
	if l.values != nil {
		l.values[recipient] = bytes.Clone(out.Value)
	}
	return nil
}

func (l *last) Withhold(int, *event.Record, event.Reason) error {
	l.other++
	return nil
}

func (l *last) Quarantine(*event.Quarantined) error {
	l.other++
	return nil
}

func record(value []byte) []event.Record {
	return []event.Record{{Topic: workload.Topic, Time: time.Now().UnixMilli(), Value: value}}
}

// What grows with the policy must not grow what is allocated for an event.
func TestNothingIsAllocatedHoweverLargeThePolicy(t *testing.T) {
	for _, v := range []Variant{{}, {Rules: 1000}, {Recipients: 10}, {Rules: 1000, Recipients: 10}} {
		worker, sink, batch := compile(t, v).pipe.Worker(), &last{}, record(workload.Event())
		got := testing.AllocsPerRun(100, func() {
			if err := worker.Process(batch, sink); err != nil {
				t.Fatal(err)
			}
		})
		if got != 0 {
			t.Errorf("%+v: want no allocations, got %v", v, got)
		}
		if want := 101 * max(v.Recipients, 1); sink.forwarded != want || sink.other != 0 {
			t.Errorf("%+v: want %d records forwarded, got %d and %d others", v, want, sink.forwarded, sink.other)
		}
	}
}

// A comparison of costs says something only when the same comes out: the same fields, however many rules there are.
func TestFurtherRulesChangeNothing(t *testing.T) {
	var want []string
	for _, rules := range []int{0, 10, 100, 1000} {
		c := compile(t, Variant{Rules: rules})
		if leaves := len(c.plan.Sources[0].Events[0].Leaves); leaves < rules {
			t.Errorf("want a plan of at least %d paths, got %d", rules, leaves)
		}
		sink := &last{values: map[int][]byte{}}
		if err := c.pipe.Worker().Process(record(workload.Event()), sink); err != nil {
			t.Fatal(err)
		}
		got := fields(t, sink.values[0])
		if rules == 0 {
			want = got
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%d further rules: want fields\n%v, got\n%v", rules, want, got)
		}
	}
	if len(want) < 20 {
		t.Errorf("want at least 20 fields, got %v", want)
	}
}

// Recipients have domains of their own: the same fields, other pseudonyms.
func TestRecipientsGetTheSameFieldsUnderOtherPseudonyms(t *testing.T) {
	sink := &last{values: map[int][]byte{}}
	if err := compile(t, Variant{Recipients: 10}).pipe.Worker().Process(record(workload.Event()), sink); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i := range 10 {
		if got, want := strings.Join(fields(t, sink.values[i]), " "), strings.Join(fields(t, sink.values[0]), " "); got != want {
			t.Errorf("recipient %d: want fields\n%s, got\n%s", i, want, got)
		}
		var e struct{ Actor struct{ ID string } }
		if err := json.Unmarshal(sink.values[i], &e); err != nil {
			t.Fatal(err)
		}
		seen[e.Actor.ID] = true
	}
	if len(seen) != 10 || seen[""] {
		t.Errorf("want ten pseudonyms, got %v", seen)
	}
}

func TestEventsGrowAsTold(t *testing.T) {
	worker := compile(t, Variant{}).pipe.Worker()
	small := fieldsOf(t, worker, workload.Event())
	for _, grow := range []struct {
		name string
		to   func([]byte, int) ([]byte, error)
		kept bool
	}{{"dropped", GrowDropped, false}, {"kept", GrowKept, true}} {
		for _, size := range []int{3_000, 10_000, 100_000} {
			value, err := grow.to(workload.Event(), size)
			if err != nil {
				t.Fatal(err)
			}
			if len(value) < size || len(value) > size+300 {
				t.Errorf("%s: want about %d bytes, got %d", grow.name, size, len(value))
			}
			got := fieldsOf(t, worker, value)
			if more := len(got) - len(small); grow.kept != (more > size/40) || !grow.kept && more != 0 {
				t.Errorf("%s to %d bytes: got %d fields more than the %d of the event", grow.name, size, more, len(small))
			}
		}
	}
}

func fieldsOf(t *testing.T, worker *pipeline.Worker, value []byte) []string {
	t.Helper()
	sink := &last{values: map[int][]byte{}}
	if err := worker.Process(record(value), sink); err != nil {
		t.Fatal(err)
	}
	if sink.forwarded != 1 {
		t.Fatalf("want the event forwarded, got %d others", sink.other)
	}
	return fields(t, sink.values[0])
}

// fields lists the paths of all scalars, elements of arrays each for itself.
func fields(t *testing.T, text []byte) []string {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	var all []string
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				walk(path+"."+name, member)
			}
		case []any:
			for _, element := range v {
				walk(path+"[]", element)
			}
		default:
			all = append(all, path)
		}
	}
	walk("$", v)
	slices.Sort(all)
	return all
}

func TestTableIsMarkdown(t *testing.T) {
	table := Table{Title: "Cost", Notes: []string{"A note."}, Header: []string{"subjects", "ns"}}
	table.Row(10_000, 1234.5)
	table.Row("many", 1.25)
	table.AtMost("ratio", 1.3, 1.25)
	table.AtLeast("speed-up", 1.8, 1.5)
	var got strings.Builder
	if err := table.Print(&got); err != nil {
		t.Fatal(err)
	}
	want := "\n### Cost\nA note.\n\n| subjects | ns |\n|---|---|\n| 10000 | 1234 |\n| many | 1.25 |\n\n" +
		"- ratio: at most 1.30, got 1.25: met\n- speed-up: at least 1.80, got 1.50: **missed**\n"
	if got.String() != want {
		t.Errorf("want\n%s\ngot\n%s", want, got.String())
	}
}
