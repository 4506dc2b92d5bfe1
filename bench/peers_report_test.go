// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func samplePeers() *PeersReport {
	n := func(f float64) *float64 { return &f }
	corpus := func(size string, ours, redpanda float64) *Corpus {
		return &Corpus{Size: size, Events: 10, Bytes: 13_330, Contenders: []*Transformer{
			{Name: product, Checked: 10, PeakMemory: 20 << 20, Rounds: []Round{
				{Events: 10, CPUNanoseconds: ours * 2, MegabytesIn: 400, Allocations: n(0), AllocatedBytes: n(0), Yardstick: 3500},
				{Events: 10, CPUNanoseconds: ours, MegabytesIn: 800, Allocations: n(0), AllocatedBytes: n(0), Yardstick: 3600},
			}},
			{Name: peerStreaming, Rounds: []Round{{Events: 10, CPUNanoseconds: ours * 2, MegabytesIn: 400, AllocatedBytes: n(6900)}}},
			{Name: peerRedpanda, Rounds: []Round{{Events: 10, CPUNanoseconds: redpanda, MegabytesIn: 20, Allocations: n(610), AllocatedBytes: n(40_000)}}},
		}}
	}
	r := &PeersReport{
		Machine:   Machine{Go: "go1.26", Platform: "linux/amd64", CPUs: 2},
		Transform: []*Corpus{corpus("1k", 1600, 64_000), corpus("3k", 3000, 90_000)},
		Inputs:    []*Input{{Kafka: "4.4.0", Events: 1000, ValueBytes: 1_333_000, Partitions: 12}},
		Kafka: []*Contender{
			{Name: passThrough, Delivery: "exactly once", Events: 1000, Runs: []Run{{CPUPerMillion: 3, SteadyPerMillion: 2.5}}},
			{Name: product, Delivery: "exactly once", Events: 1000, Runs: []Run{
				{CPUPerMillion: 5, SteadyPerMillion: 4, PeakMemory: 120e6}, {CPUPerMillion: 4, SteadyPerMillion: 5, PeakMemory: 130e6}}},
			{Name: peerStreams, Delivery: "at least once", Events: 1000, Runs: []Run{{CPUPerMillion: 60, SteadyPerMillion: 28}}},
			{Name: peerRedpanda, Delivery: "at least once", Events: 100, Runs: []Run{{CPUPerMillion: 120, SteadyPerMillion: 100}}},
			{Name: peerPython, Events: 1000}, // failed
		},
		Missing: []Missing{{peerPython, "no Python\nat all"}},
	}
	r.Judge()
	return r
}

func TestMarksAgainstPeers(t *testing.T) {
	want := []Mark{
		{"rewrite, varied 1k events", "events/s a core", "at least", 500_000, 625_000, true},
		{"rewrite, varied 1k events", "allocations an event", "at most", 0, 0, true},
		{"rewrite, varied 1k events", "MB/s a core", "at least", 650, 800, true},
		{"rewrite, varied 3k events", "MB/s a core", "at least", 900, 800, false},
		{"rewrite against redpanda-connect", "times less CPU", "at least", 30, 40, true},
		{"rewrite against jackson-streaming", "times less CPU", "at least", 2.5, 2, false},
		{"Kafka to Kafka, exactly once", "CPU-s a million", "at most", 4.5, 4, true},
		{"Kafka to Kafka against redpanda-connect, steady", "times less CPU", "at least", 20, 25, true},
		{"Kafka to Kafka against kafka-streams, steady", "times less CPU", "at least", 6, 7, true},
		{"resident memory, 12 partitions", "MB", "at most", 128, 130, false},
	}
	if got := samplePeers().Marks; !slices.Equal(got, want) {
		t.Errorf("want\n%+v\ngot\n%+v", want, got)
	}
}

func TestPeersArePrinted(t *testing.T) {
	var text strings.Builder
	if err := samplePeers().Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1600 / 1600", "40.0", "15.0, 7.00", "?", "610", "40000", "python-orjson cannot be had: no Python\n", "missed"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("want `%s` in the table, got\n%s", want, text.String())
		}
	}
}

// Nobody should have to guess in which unit a number of the JSON is.
func TestNumbersOfTheReportsCarryUnits(t *testing.T) {
	unit := regexp.MustCompile(`(^|_)(ns|seconds|bytes|events|second|million|event|cpus|subjects|seed|partitions|equivalence)$`)
	judged := map[string]bool{"want": true, "got": true} // their unit stands beside them
	for name, report := range map[string]any{"peers": samplePeers(), "bench": sampleReport()} {
		text, err := json.Marshal(report)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		numbers := 0
		eachNumber(v, "", func(field string) {
			numbers++
			if !unit.MatchString(field) && !judged[field] {
				t.Errorf("%s: want a unit in the name of the number %s", name, field)
			}
		})
		if numbers < 20 {
			t.Errorf("%s: want many numbers, got %d", name, numbers)
		}
	}
}

func eachNumber(v any, field string, each func(field string)) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			eachNumber(member, name, each)
		}
	case []any:
		for _, element := range v {
			eachNumber(element, field, each)
		}
	case float64:
		each(field)
	}
}

func TestAnswersAreSummed(t *testing.T) {
	n := func(i int64) *int64 { return &i }
	a := answer{Events: 10, CPU: 1000, Wall: 2000, BytesIn: 500, BytesOut: 300, Allocations: n(20), AllocatedBytes: n(400)}
	a.add(answer{Events: 10, CPU: 3000, Wall: 2000, BytesIn: 500, BytesOut: 100, Allocations: n(40)})
	r := a.round(3500)
	if r.CPUNanoseconds != 200 || r.MegabytesIn != 250 || r.BytesOut != 20 || *r.Allocations != 3 {
		t.Errorf("want 200 ns, 250 MB/s, 20 bytes and 3 allocations, got %v, %v, %v and %v", r.CPUNanoseconds, r.MegabytesIn, r.BytesOut, *r.Allocations)
	}
	if r.AllocatedBytes != nil {
		t.Errorf("want no figure where one is missing, got %v", *r.AllocatedBytes)
	}
}

func TestPlotIsWellFormedAndTellsAllFigures(t *testing.T) {
	r := samplePeers()
	r.Transform[0].Contenders[1].Name = `<jackson> & "sons"`
	picture := r.Plot().SVG()
	d := xml.NewDecoder(bytes.NewReader(picture))
	bars, said := 0, ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, picture)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "rect" {
				bars++
			}
		case xml.CharData:
			said += string(token)
		}
	}
	if bars != 7 {
		t.Errorf("want 7 bars, got %d", bars)
	}
	for _, want := range []string{`<jackson> & "sons" 3.20 (2.00×)`, "redpanda-connect 64.0 (40.0×)", "logarithmic", "passthrough 2.50,"} {
		if !strings.Contains(said, want) {
			t.Errorf("want `%s` in the picture, got\n%s", want, said)
		}
	}
	for _, want := range []string{"<title", "<desc", "aria-labelledby", "prefers-color-scheme"} {
		if !bytes.Contains(picture, []byte(want)) {
			t.Errorf("want %s in the picture", want)
		}
	}
}

// Bars may be compared by length as long as the shortest can be seen.
func TestPlotIsLinearWhileRatiosAreSmall(t *testing.T) {
	p := &Plot{Title: "t", Unit: "µs", Groups: []PlotGroup{{"g", []Bar{{"a", 2, 1, true}, {"b", 20, 10, false}}}}}
	if s := p.scale(); s.logarithmic || (s.x(20)-barsFrom)/(s.x(2)-barsFrom) < 9.99 {
		t.Errorf("want a linear scale, got %+v", s)
	}
	p.Groups[0].Bars[1].Value = 70
	if s := p.scale(); !s.logarithmic || s.low != 1 || s.high != 100 {
		t.Errorf("want a logarithmic scale from 1 to 100, got %+v", s)
	}
	if got := len(p.scale().ticks()); got != 7 {
		t.Errorf("want ticks at 1, 2, 5 … 100, got %d", got)
	}
}

func TestPlotAndReportAreSaved(t *testing.T) {
	dir := t.TempDir()
	r := samplePeers()
	if err := errors.Join(r.Plot().Save(filepath.Join(dir, "new", "plot.svg")), r.Save(filepath.Join(dir, "other", "peers.json"))); err != nil {
		t.Fatal(err)
	}
	if empty := (&PeersReport{}).Plot().SVG(); !bytes.HasSuffix(empty, []byte("</svg>\n")) {
		t.Error("want a picture without bars")
	}
}
