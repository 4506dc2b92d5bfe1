// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
)

// avroSink encodes what recipients get under the schema that was derived for them, and has another library read it.
type avroSink struct {
	t         *testing.T
	outputs   []*Output
	codecs    []*goavro.Codec
	forwarded int
}

func (s *avroSink) Forward(recipient int, rec *event.Record, out *event.Output) error {
	if out.Value == nil {
		return nil
	}
	s.forwarded++
	o := s.outputs[recipient]
	value, err := NewAvroEncoder(o, 1).Encode(nil, out.Value)
	if err != nil {
		s.t.Errorf("%v for recipient %d: %v\n%s", rec, recipient, err, out.Value)
		return nil
	}
	native, rest, err := s.codecs[recipient].NativeFromBinary(value[wireHeader:])
	if err != nil || len(rest) > 0 {
		s.t.Errorf("%v for recipient %d: %d bytes are left, error %v", rec, recipient, len(rest), err)
		return nil
	}
	if diff := differ(o.root, tree(s.t, out.Value), native, false); diff != "" {
		s.t.Errorf("%v for recipient %d: %s", rec, recipient, diff)
	}
	return nil
}

func (*avroSink) Withhold(int, *event.Record, event.Reason) error { return nil }

func (*avroSink) Quarantine(*event.Quarantined) error { return nil }

// TestCorpusAsAvro: whatever the typical policy lets out of real events fits the schema that was derived before any was seen.
func TestCorpusAsAvro(t *testing.T) {
	events := corpus(t, "events")
	plan, err := policy.Load(filepath.Join("..", "..", "config", "policies", "social.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	sink := &avroSink{t: t}
	var recipients []string
	for i := range plan.Recipients {
		o, err := RecipientSchema(plan, i)
		if err != nil {
			t.Fatal(err)
		}
		codec, err := goavro.NewCodec(o.Text)
		if err != nil {
			t.Fatalf("%s: %v", plan.Recipients[i].Name, err)
		}
		recipients = append(recipients, plan.Recipients[i].Name)
		sink.outputs, sink.codecs = append(sink.outputs, o), append(sink.codecs, codec)
	}
	keys, err := keyring.Ephemeral("test", recipients, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(plan, keys, pipeline.Options{AssumeConsent: true})
	if err != nil {
		t.Fatal(err)
	}
	worker := p.Worker()
	for _, source := range plan.Sources {
		files, err := filepath.Glob(filepath.Join(events, source.Name, "*.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(bytes.NewReader(text))
			lines.Buffer(nil, len(text)+1)
			for n := int64(1); lines.Scan(); n++ {
				rec := event.Record{Topic: source.Topics[0], Offset: n, Time: time.Now().UnixMilli(), Value: slices.Clone(lines.Bytes())}
				if err := worker.Process([]event.Record{rec}, sink); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	t.Logf("%d records were encoded and read back", sink.forwarded)
	if sink.forwarded < 1000 {
		t.Errorf("only %d records were encoded", sink.forwarded)
	}
}
