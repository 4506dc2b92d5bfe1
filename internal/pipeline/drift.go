// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"regexp"
	"sync"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/rewrite"
)

// Kinds of drift: words of metrics and logs.
const (
	DriftPath  = "unknown-path" // a field that no event of the pack knows
	DriftValue = "misfit"       // a value that is not what its class says
)

// DriftNote is something that a platform did not send when its pack was written. It never leaves. Path is made of names that
// are surely not data; Class is "" for what nobody knows.
type DriftNote struct {
	Source, Kind, Path, Class string
}

// Drift looks at a sample of the records for what the packs do not know. It is shared by all workers and safe for concurrent use.
type Drift struct {
	mu    sync.Mutex
	seen  map[DriftNote]int // in how many samples; those that were told count as told
	names map[string]map[string]bool
	tell  func(DriftNote)
	since int64 // when everything was last forgotten
}

// Limits of what is remembered.
const (
	mostDrift    = 4096             // notes, and objects with unknown members
	mostSiblings = 16               // unknown members of an object, above which their names count as data
	enoughTimes  = 3                // samples that must hold an unknown name before it is told: names of people seldom come back
	forgetAfter  = 24 * 3600 * 1000 // milliseconds: what goes on is told again every day
	samplePause  = 50               // milliseconds between two samples of a worker
	told         = 1 << 30
)

// NewDrift makes one that tells of each thing once a day.
func NewDrift(tell func(DriftNote)) *Drift {
	return &Drift{seen: map[DriftNote]int{}, names: map[string]map[string]bool{}, tell: tell}
}

// word is a member's name that may be shown: it does not look like a value.
var word = regexp.MustCompile(`^[@$]?[A-Za-z_][A-Za-z_.:-]*[0-9]{0,2}[A-Za-z_]*$`)

const longestWord = 40

// observe looks through the leaves of one payload.
func (d *Drift) observe(source string, leaves []rewrite.Leaf, now int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now-d.since > forgetAfter {
		clear(d.seen)
		clear(d.names)
		d.since = now
	}
	once := map[string]bool{} // an array of a thousand elements is one sample
	for i := range leaves {
		l := &leaves[i]
		if l.Named || string(l.Raw) == "null" {
			continue
		}
		if path := d.shown(source, l); !once[path] {
			once[path] = true
			d.note(DriftNote{Source: source, Kind: DriftPath, Path: path}, enoughTimes)
		}
	}
}

// misfit notes that a value was not what its class says.
func (d *Drift) misfit(source, path, class string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.note(DriftNote{Source: source, Kind: DriftValue, Path: path, Class: class}, 1)
}

func (d *Drift) note(n DriftNote, enough int) {
	times, known := d.seen[n]
	if times >= told || !known && len(d.seen) >= mostDrift {
		return
	}
	if times++; times >= enough {
		times = told
		d.tell(n)
	}
	d.seen[n] = times
}

// shown gives a path without anything that may be data: [*] for indexes, .* for names that no pack knows and that look like values,
// or of which there are many beside each other.
func (d *Drift) shown(source string, l *rewrite.Leaf) string {
	out := make(event.Path, 0, len(l.Path))
	for i, s := range l.Path {
		switch {
		case s.Kind == event.Index:
			s = event.Segment{Kind: event.Each}
		case s.Kind == event.Name && i >= l.Known && !d.isWord(source+" "+out.String(), s.Name):
			s = event.Segment{Kind: event.Members}
		case s.Kind == event.Name && i < l.Known && l.Data[i]:
			s = event.Segment{Kind: event.Members}
		}
		out = append(out, s)
	}
	return out.String()
}

// isWord tells whether an unknown name of an object can be shown.
func (d *Drift) isWord(object, name string) bool {
	if len(name) > longestWord || !word.MatchString(name) {
		return false
	}
	beside := d.names[object]
	if beside == nil && len(d.names) < mostDrift {
		beside = map[string]bool{}
		d.names[object] = beside
	}
	if beside != nil && len(beside) <= mostSiblings {
		beside[name] = true
	}
	return beside[name] && len(beside) <= mostSiblings
}

// sample looks at the record at hand, if it is time for one.
func (w *Worker) sample(payload []byte, source int, now int64) {
	d := w.pipeline.options.Drift
	if d == nil || now-w.sampled < samplePause {
		return
	}
	w.sampled = now
	d.observe(w.pipeline.plan.Sources[source].Name, w.pipeline.program.Leaves(source, payload), now)
}

// misfits tells of the values that did not fit since the last time.
func (w *Worker) misfits() {
	d := w.pipeline.options.Drift
	w.rewrite.MisfitPlaces(func(source int, path event.Path, kind, leaf int) {
		if d == nil {
			return
		}
		s := &w.pipeline.plan.Sources[source]
		class := ""
		if leaves := s.Events[kind].Leaves; leaf >= 0 && leaf < len(leaves) {
			class = string(leaves[leaf].Class)
		}
		d.misfit(s.Name, path.String(), class)
	})
}
