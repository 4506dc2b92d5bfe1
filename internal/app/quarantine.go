// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/stream"
)

// Held is one record that lies in quarantine. Nothing in it comes from the record's content.
type Held struct {
	Coordinate string    `json:"coordinate"` // topic/partition/offset of the source record
	Reason     string    `json:"reason"`
	Rule       string    `json:"rule,omitempty"`
	Recipients []string  `json:"recipients"` // who still waits for it
	At         time.Time `json:"at"`         // when it was quarantined
	Bytes      int       `json:"sealed_bytes"`
}

// HeldFilter selects what lies in quarantine; zero values select all.
type HeldFilter struct {
	Reason     string
	Coordinate string
}

func (f *HeldFilter) takes(h *Held) bool {
	return (f.Reason == "" || f.Reason == h.Reason) && (f.Coordinate == "" || f.Coordinate == h.Coordinate)
}

// Quarantine lists the records that wait in the configured quarantine topic, in the order in which they came.
// Recipients that have got a record since by a replay are left out, and records nobody waits for any more.
func Quarantine(ctx context.Context, c *config.Config, f HeldFilter) ([]Held, error) {
	entries, err := quarantined(ctx, c, f, false)
	if err != nil {
		return nil, err
	}
	held := make([]Held, len(entries))
	for i := range entries {
		held[i] = entries[i].Held
	}
	return held, nil
}

// sealedEntry is a record in quarantine with its sealed original.
type sealedEntry struct {
	Held
	sealed []byte
}

// quarantined reads the topic; it keeps the sealed originals only where they are wanted.
func quarantined(ctx context.Context, c *config.Config, f HeldFilter, originals bool) ([]sealedEntry, error) {
	conn, err := connection(c)
	if err != nil {
		return nil, err
	}
	var all []sealedEntry
	at := map[string]int{}
	err = stream.ReadQuarantine(ctx, conn, c.Quarantine.Topic, func(e *stream.Entry) error {
		h := Held{Coordinate: coordinate(e), Reason: e.Reason, Rule: e.Rule, Recipients: e.Recipients, At: time.UnixMilli(e.At).UTC(), Bytes: len(e.Sealed)}
		key := h.Coordinate
		if e.Replayed {
			for _, name := range e.Recipients {
				if i, known := at[key+" "+name]; known {
					all[i].Recipients = slices.DeleteFunc(slices.Clone(all[i].Recipients), func(s string) bool { return s == name })
				}
			}
			return nil
		}
		if !f.takes(&h) {
			return nil
		}
		entry := sealedEntry{Held: h}
		if originals {
			entry.sealed = slices.Clone(e.Sealed)
		}
		for _, name := range e.Recipients {
			at[key+" "+name] = len(all)
		}
		all = append(all, entry)
		return nil
	})
	if errors.Is(err, event.ErrTransient) {
		err = fmt.Errorf("%w: %w", ErrDown, err)
	}
	return slices.DeleteFunc(all, func(e sealedEntry) bool { return len(e.Recipients) == 0 }), err
}

func coordinate(e *stream.Entry) string {
	return fmt.Sprintf("%s/%d/%d", e.Topic, e.Partition, e.Offset)
}

// Replayed is what became of one record for one recipient.
type Replayed struct {
	Coordinate string `json:"coordinate"`
	Recipient  string `json:"recipient"`
	Outcome    string `json:"outcome"` // forwarded, before, withheld, quarantined, failed
	Reason     string `json:"reason,omitempty"`
}

// Replay decides quarantined records again with today's policy, and delivers what is forwarded: at most once for every
// source coordinate and recipient, also when it is called again.
func Replay(ctx context.Context, c *config.Config, lookup func(string) (string, bool), f HeldFilter) ([]Replayed, error) {
	a, err := openAdmin(ctx, c, "replay", true)
	if err != nil {
		return nil, err
	}
	defer a.close()
	plan := a.plan()
	g, err := bindPlan(c, a.keys, plan, a.people, nil)
	if err != nil {
		return nil, err
	}
	entries, err := quarantined(ctx, c, f, true)
	if err != nil {
		return nil, err
	}
	options, err := streamOptions(c, plan, lookup)
	if err != nil {
		return nil, err
	}
	options.Logger = zerolog.Nop()
	a.people.join(c, &options)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if err := a.people.watch(ctx); err != nil {
		return nil, err
	}
	p := g.pipeline
	replayer, err := stream.OpenReplayer(ctx, options, p.Worker())
	if err != nil {
		return nil, err
	}
	defer replayer.Close()
	var out []Replayed
	for i := range entries {
		done, err := replayOne(ctx, p, replayer, &entries[i])
		if ctx.Err() != nil || errors.Is(err, event.ErrTransient) {
			return out, err
		}
		if err != nil { // its key is destroyed, or its topic is none of the policy's any more: the others go on
			done = []Replayed{{Coordinate: entries[i].Coordinate, Outcome: "failed", Reason: err.Error()}}
		}
		out = append(out, done...)
	}
	return out, nil
}

func replayOne(ctx context.Context, p *pipeline.Pipeline, r *stream.Replayer, e *sealedEntry) ([]Replayed, error) {
	rec, recipients, err := p.Open(e.sealed)
	if err != nil {
		return nil, err
	}
	outcomes, err := r.Replay(ctx, rec, recipients)
	if err != nil {
		return nil, err
	}
	out := make([]Replayed, len(outcomes))
	for i, o := range outcomes {
		out[i] = Replayed{Coordinate: e.Coordinate, Recipient: o.Recipient}
		switch {
		case o.Before:
			out[i].Outcome = "before"
		case o.Forwarded:
			out[i].Outcome = "forwarded"
		case o.Reason.Quarantines():
			out[i].Outcome, out[i].Reason = "quarantined", o.Reason.String()
		default:
			out[i].Outcome, out[i].Reason = "withheld", o.Reason.String()
		}
	}
	return out, nil
}
