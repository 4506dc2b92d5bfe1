// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rewrite"
)

// SanitizeOptions say what goes through the pipeline, and for whom.
type SanitizeOptions struct {
	Plan          *policy.Plan
	Keys          *keyring.Keyring
	Source        string
	Recipient     string
	AssumeConsent bool
	People        *LocalPeople // nil: secrets are derived, and nobody is known to have agreed
	In            io.Reader
	Out           io.Writer
	Now           func() time.Time
	Limits        rewrite.Options

	// Refused, when set, is told the line of every quarantined record, and why. It never learns a value.
	Refused func(line int64, reason event.Reason, rule string)
}

// Counts is what became of the records, by outcome and reason.
type Counts struct {
	In          int64            `json:"in"`
	Forwarded   int64            `json:"forwarded"`
	Withheld    map[string]int64 `json:"withheld"`
	Quarantined map[string]int64 `json:"quarantined"`
}

// Sanitize reads JSON Lines and writes one sanitized line for every record that is forwarded. Empty lines are skipped.
// It holds one line at a time, at most Limits.MaxBytes of it.
func Sanitize(ctx context.Context, o SanitizeOptions) (Counts, error) {
	counts := Counts{Withheld: map[string]int64{}, Quarantined: map[string]int64{}}
	source, err := findSource(o.Plan, o.Source)
	if err != nil {
		return counts, err
	}
	recipient, err := findRecipient(o.Plan, o.Recipient)
	if err != nil {
		return counts, err
	}
	if !joined(o.Plan, source, recipient) {
		return counts, fmt.Errorf("recipient %s gets nothing from source %s: its from: does not name it", o.Recipient, o.Source)
	}
	if o.Limits.MaxBytes == 0 {
		o.Limits.MaxBytes = 10 << 20
	}
	o.Limits.SealKeys = 1024 // a pipe is small before it is fast
	topic := o.Plan.Sources[source].Topics[0]
	o.Plan = narrowed(o.Plan, source, recipient) // nothing else here must hold the whole plan
	p, err := pipeline.New(o.Plan, o.Keys, pipeline.Options{AssumeConsent: o.AssumeConsent, People: o.People.kept(), Now: o.Now, Limits: o.Limits})
	if err != nil {
		return counts, err
	}
	settle()
	sink := &lineSink{out: bufio.NewWriterSize(o.Out, 256<<10), counts: &counts, refused: o.Refused}
	worker := p.For([]int{recipient})
	lines := newLineReader(o.In, o.Limits.MaxBytes)
	batch := &lineBatch{topic: topic, most: 1}
	if o.People != nil {
		batch.most = storedBatch
	}
	for ctx.Err() == nil {
		err := batch.fill(lines)
		if err != nil && !errors.Is(err, io.EOF) {
			return counts, fmt.Errorf("read input: %w", err)
		}
		if failed := worker.Process(batch.records, sink); failed != nil {
			return counts, failed
		}
		if err != nil {
			return counts, errors.Join(sink.out.Flush(), o.People.note(ctx))
		}
	}
	return counts, errors.Join(ctx.Err(), sink.out.Flush())
}

// storedBatch is how many lines are decided together where people are looked for in a store.
const storedBatch = 256

// lineBatch is lines that are decided together.
type lineBatch struct {
	topic   string
	most    int // records
	line    int64
	records []event.Record
	text    []byte
}

// batchBytes bounds the text of a batch, but for its last line.
const batchBytes = 4 << 20

// fill reads the next lines. A batch of one keeps no copy.
func (b *lineBatch) fill(lines *lineReader) error {
	b.records, b.text = b.records[:0], b.text[:0]
	for len(b.records) < b.most && len(b.text) < batchBytes {
		text, err := lines.next()
		if err != nil {
			return err
		}
		b.line++
		if len(text) == 0 {
			continue
		}
		if b.most > 1 {
			b.text = append(b.text, text...) // what was cut from it before it grew stays as it was
			text = b.text[len(b.text)-len(text):]
		}
		b.records = append(b.records, event.Record{Topic: b.topic, Offset: b.line, Time: -1, Value: text})
	}
	return nil
}

// settle gives back what reading policy and packs took: several times what is needed from then on. A pool keeps its
// buffers through one collection, hence two.
func settle() {
	runtime.GC()
	debug.FreeOSMemory()
}

// narrowed is the part of a plan that one recipient of one source needs: a policy on four platforms takes ten times the
// memory. Recipients keep their numbers.
func narrowed(plan *policy.Plan, source, recipient int) *policy.Plan {
	part := *plan
	part.Sources = []policy.Source{plan.Sources[source]}
	part.Flows = nil
	for _, f := range plan.Flows {
		if f.Source == source && f.Recipient == recipient {
			f.Source = 0
			part.Flows = append(part.Flows, f)
		}
	}
	return &part
}

func findSource(plan *policy.Plan, name string) (int, error) {
	var names []string
	for i := range plan.Sources {
		if plan.Sources[i].Name == name {
			return i, nil
		}
		names = append(names, plan.Sources[i].Name)
	}
	return 0, fmt.Errorf("the policy has no source %q; it has %s", name, list(names))
}

func findRecipient(plan *policy.Plan, name string) (int, error) {
	var names []string
	for i := range plan.Recipients {
		if plan.Recipients[i].Name == name {
			return i, nil
		}
		names = append(names, plan.Recipients[i].Name)
	}
	return 0, fmt.Errorf("the policy has no recipient %q; it has %s", name, list(names))
}

func joined(plan *policy.Plan, source, recipient int) bool {
	for i := range plan.Flows {
		if plan.Flows[i].Source == source && plan.Flows[i].Recipient == recipient {
			return true
		}
	}
	return false
}

// lineSink writes what is forwarded and counts the rest.
type lineSink struct {
	out     *bufio.Writer
	counts  *Counts
	refused func(int64, event.Reason, string)
}

func (s *lineSink) Forward(_ int, _ *event.Record, out *event.Output) error {
	s.counts.In++
	s.counts.Forwarded++
	if _, err := s.out.Write(out.Value); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	if err := s.out.WriteByte('\n'); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

func (s *lineSink) Withhold(_ int, _ *event.Record, reason event.Reason) error {
	s.counts.In++
	s.counts.Withheld[reason.String()]++
	return nil
}

func (s *lineSink) Quarantine(q *event.Quarantined) error {
	s.counts.In++
	s.counts.Quarantined[q.Reason.String()]++
	if s.refused != nil {
		s.refused(q.Record.Offset, q.Reason, q.Rule)
	}
	return nil
}

// lineReader gives one line at a time and bounds what it keeps of it: of a longer line it gives one byte more
// than the limit, which is enough for the pipeline to refuse it.
type lineReader struct {
	in    *bufio.Reader
	limit int
	line  []byte
}

func newLineReader(in io.Reader, limit int) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(in, 256<<10), limit: limit}
}

func (r *lineReader) next() ([]byte, error) {
	r.line = r.line[:0]
	for read := 0; ; {
		part, err := r.in.ReadSlice('\n')
		read += len(part)
		if keep := min(len(part), r.limit+1-len(r.line)); keep > 0 {
			r.line = append(r.line, part[:keep]...)
		}
		switch {
		case err == nil, errors.Is(err, io.EOF) && read > 0:
			return trimNewline(r.line), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

func trimNewline(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line
}
