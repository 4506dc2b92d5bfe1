// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/event"
)

// Outcome says what became of a replayed record for one recipient.
type Outcome struct {
	Recipient string
	Forwarded bool         // it has been written now
	Before    bool         // it was replayed before, and is not written again
	Reason    event.Reason // why it was withheld or is still unfit
}

// Replayer sends repaired records through the processor again, each at most once for a recipient. Two at a time for
// one group fence each other: the later one wins.
type Replayer struct {
	opts    Options
	cluster *cluster
	proc    Processor
	txn     *producer
	out     *outbox
	done    map[replayed]struct{}
}

type replayed struct {
	coordinate
	recipient string
}

// OpenReplayer takes the replay's transactional id and reads what was replayed before. Options are those of the
// stream whose quarantine it is. Beside a stream's rights it needs READ on the quarantine topic.
func OpenReplayer(ctx context.Context, o Options, proc Processor) (*Replayer, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("stream: %w", err)
	}
	o.setDefaults()
	s := &Stream{opts: o, cluster: connect(o.Connection)}
	r := &Replayer{opts: o, cluster: s.cluster, proc: proc, out: newOutbox(&o, proc.Seal), done: make(map[replayed]struct{})}
	r.txn = &producer{
		cluster: s.cluster, id: o.Group + "-replay", timeout: o.TransactionTimeout, codec: o.Codec, hold: o.Hold,
		fresh: fresh(o.Control), opened: ignoreOpened,
	}
	err := s.readTargets(ctx)
	if err == nil {
		// First the id, which ends any other replayer's transaction, then the reading, which sees all they committed.
		err = r.txn.recover(ctx)
	}
	if err == nil {
		var foreign int
		if foreign, err = r.cluster.scanQuarantine(ctx, o.Quarantine, r.note); foreign > 0 {
			o.Logger.Warn().Str(logTopic, o.Quarantine).Int(logForeign, foreign).Msg("skipped foreign records in the quarantine topic")
		}
	}
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("open replay: %w", err)
	}
	r.out.outputs, r.out.quarantine = s.targets()
	return r, nil
}

func (r *Replayer) note(e *Entry) error {
	if e.Replayed {
		for _, to := range e.Recipients {
			r.done[replayed{coordinate{e.Topic, e.Partition, e.Offset}, to}] = struct{}{}
		}
	}
	return nil
}

// Replay processes rec, which has the coordinates of its quarantine entry, for the named recipients, and writes what
// is forwarded together with the note of it. Withheld and unfit records stay where they are.
func (r *Replayer) Replay(ctx context.Context, rec *event.Record, recipients []string) ([]Outcome, error) {
	sink := replaySink{r: r, rec: rec, named: recipients}
	r.out.empty(false)
	r.out.batch()
	decided := r.opts.Now()
	if err := r.proc.Process([]event.Record{*rec}, &sink); err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	var forwarded []string
	for _, o := range sink.outcomes { // one for each event of the record
		if o.Forwarded && !slices.Contains(forwarded, o.Recipient) {
			forwarded = append(forwarded, o.Recipient)
		}
	}
	if len(forwarded) == 0 {
		return sink.outcomes, nil
	}
	at := coordinate{rec.Topic, rec.Partition, rec.Offset}
	r.out.addReplayed(at, forwarded)
	if err := r.txn.commit(ctx, r.out.list(), nil, decided); err != nil {
		return nil, fmt.Errorf("replay: %w; open the replay again to see whether it was written", err)
	}
	for _, to := range forwarded {
		r.done[replayed{at, to}] = struct{}{}
	}
	return sink.outcomes, nil
}

// Close ends the connections.
func (r *Replayer) Close() { r.cluster.close() }

// replaySink lets through what concerns the named recipients and was not replayed before.
type replaySink struct {
	r        *Replayer
	rec      *event.Record
	named    []string
	outcomes []Outcome
}

// wants tells whether recipient is to get the record; if it got it before, that is the outcome.
func (s *replaySink) wants(recipient int) (name string, wanted bool, err error) {
	if recipient < 0 || recipient >= len(s.r.opts.Recipients) {
		return "", false, errNoRecipient
	}
	name = s.r.opts.Recipients[recipient].Name
	if !slices.Contains(s.named, name) {
		return name, false, nil
	}
	if _, before := s.r.done[replayed{coordinate{s.rec.Topic, s.rec.Partition, s.rec.Offset}, name}]; before {
		s.outcomes = append(s.outcomes, Outcome{Recipient: name, Before: true})
		return name, false, nil
	}
	return name, true, nil
}

func (s *replaySink) Forward(recipient int, rec *event.Record, out *event.Output) error {
	name, wanted, err := s.wants(recipient)
	if !wanted {
		return err
	}
	fits, err := s.r.out.put(recipient, rec, out)
	if err != nil {
		return err
	}
	o := Outcome{Recipient: name, Forwarded: fits}
	if !fits {
		o.Reason = event.OutputTooLarge
	}
	s.outcomes = append(s.outcomes, o)
	return nil
}

func (s *replaySink) Withhold(recipient int, _ *event.Record, reason event.Reason) error {
	name, wanted, err := s.wants(recipient)
	if wanted {
		s.outcomes = append(s.outcomes, Outcome{Recipient: name, Reason: reason})
	}
	return err
}

func (s *replaySink) Quarantine(q *event.Quarantined) error {
	for _, recipient := range q.Recipients {
		name, wanted, err := s.wants(recipient)
		if err != nil {
			return err
		}
		if wanted {
			s.outcomes = append(s.outcomes, Outcome{Recipient: name, Reason: q.Reason})
		}
	}
	return nil
}

// addReplayed writes the note that a record has been replayed.
func (o *outbox) addReplayed(at coordinate, recipients []string) {
	headers := append(at.headers(), header(HeaderReplayed, strings.Join(recipients, ",")))
	out := event.Output{Headers: headers, Time: o.clock().UnixMilli()}
	o.add(o.quarantine, at.partition%int32(o.quarantine.partitions), recordSize(nil, nil, headers), &out)
}
