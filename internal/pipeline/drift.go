// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"regexp"
	"sync"

	"github.com/nymstream/nymstream/internal/detect"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/rewrite"
)

// Kinds of drift: words of metrics and logs.
const (
	DriftPath     = "unknown-path"  // a field that no event of the pack knows
	DriftValue    = "misfit"        // a value that is not what its class says
	DriftPersonal = "personal-data" // a text that leaves as it is, and holds what the detector knows
)

// DriftNote is something that a platform did not send when its pack was written. It never leaves, but where the kind is
// personal-data. Path is made of names that are surely not data; Class is "" for what nobody knows, and the kind of personal data
// that was found.
type DriftNote struct {
	Source, Kind, Path, Class string
}

// Drift looks at a sample of the records for what the packs do not know. It is shared by all workers and safe for concurrent use.
type Drift struct {
	mu      sync.Mutex
	told    map[DriftNote]bool
	data    map[DriftNote]int   // paths whose names are data, and in how many samples they were
	objects map[string]*members // by source and path: the unknown members of objects
	tell    func(DriftNote)
	since   int64 // when everything was last forgotten
	guard   *detect.Scanner
	text    []byte // one that is looked through
}

// members are the unknown members of the objects at one path.
type members struct {
	samples int            // in how many samples there was one
	names   map[string]int // in how many each
}

// Limits of what is remembered.
const (
	mostDrift     = 4096             // notes, and objects with unknown members
	mostSiblings  = 16               // unknown members of an object, above which their names count as data
	enoughTimes   = 3                // samples that must hold an unknown field before it is told
	longestSample = 64 << 10         // bytes of a payload that is looked at: its paths take many times as much
	forgetAfter   = 24 * 3600 * 1000 // milliseconds: what goes on is told again every day
	samplePause   = 50               // milliseconds between two samples of a worker
)

// NewDrift makes one that tells of each thing once a day.
func NewDrift(tell func(DriftNote)) *Drift {
	return &Drift{told: map[DriftNote]bool{}, data: map[DriftNote]int{}, objects: map[string]*members{}, tell: tell, guard: newGuard()}
}

// word is a member's name that may be one of the format's: it does not look like a value.
var word = regexp.MustCompile(`^[@$]?[A-Za-z_][A-Za-z_.:-]*[0-9]{0,2}[A-Za-z_]*$`)

const longestWord = 40

// observe looks through the leaves of one payload.
func (d *Drift) observe(source string, leaves []rewrite.Leaf, now int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now-d.since > forgetAfter {
		clear(d.told)
		clear(d.data)
		clear(d.objects)
		d.since = now
	}
	once := map[string]bool{} // an array of a thousand elements is one sample
	for i := range leaves {
		if l := &leaves[i]; !l.Named && string(l.Raw) != "null" {
			d.count(source, l, once)
		}
	}
	clear(once)
	for i := range leaves {
		l := &leaves[i]
		if l.Named || string(l.Raw) == "null" {
			continue
		}
		path, known := d.shown(source, l)
		note := DriftNote{Source: source, Kind: DriftPath, Path: path}
		if once[path] || d.told[note] {
			continue
		}
		once[path] = true
		if known == undecided {
			continue
		}
		if known == isData {
			if len(d.data) < mostDrift {
				d.data[note]++
			}
			if d.data[note] < enoughTimes {
				continue
			}
		}
		d.note(note)
	}
}

// count counts the unknown names on the way to a leaf, each once for a sample.
func (d *Drift) count(source string, l *rewrite.Leaf, once map[string]bool) {
	var to event.Path
	for i, s := range l.Path {
		if s.Kind == event.Name && i >= l.Known {
			object := source + " " + to.String()
			m := d.objects[object]
			if m == nil {
				if len(d.objects) >= mostDrift {
					return
				}
				m = &members{names: map[string]int{}}
				d.objects[object] = m
			}
			if !once[object] {
				once[object] = true
				m.samples++
			}
			if one := object + " " + s.Name; !once[one] && len(m.names) <= mostSiblings && len(s.Name) <= longestWord {
				once[one] = true
				m.names[s.Name]++
			}
		}
		to, _ = d.step(source, to, l, i)
	}
}

// What is known of an unknown name: that it is one of the format's, because most objects have it; that it is data; or nothing yet.
type nameKind uint8

const (
	isWord nameKind = iota
	undecided
	isData
)

// step appends the i-th step of a leaf's path: [*] for an index, .* for a name that is data.
func (d *Drift) step(source string, to event.Path, l *rewrite.Leaf, i int) (event.Path, nameKind) {
	s, kind := l.Path[i], isWord
	switch {
	case s.Kind == event.Index:
		s = event.Segment{Kind: event.Each}
	case s.Kind == event.Name && i < l.Known && l.Data[i]:
		s = event.Segment{Kind: event.Members}
	case s.Kind == event.Name && i >= l.Known:
		if kind = d.kindOf(d.objects[source+" "+to.String()], s.Name); kind == isData {
			s = event.Segment{Kind: event.Members}
		}
	}
	return append(to, s), kind
}

func (d *Drift) kindOf(m *members, name string) nameKind {
	switch {
	case m == nil || len(m.names) > mostSiblings || len(name) > longestWord || !word.MatchString(name):
		return isData
	case m.samples < enoughTimes:
		return undecided
	case 2*m.names[name] > m.samples && m.names[name] >= enoughTimes:
		return isWord
	}
	return isData // names of people come back too, but not in most objects
}

// shown gives a path without anything that may be data.
func (d *Drift) shown(source string, l *rewrite.Leaf) (path string, known nameKind) {
	var to event.Path
	for i := range l.Path {
		var kind nameKind
		if to, kind = d.step(source, to, l, i); kind == undecided {
			return "", undecided
		}
		known = max(known, kind)
	}
	return to.String(), known
}

// misfit notes that a value was not what its class says.
func (d *Drift) misfit(source, path, class string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.note(DriftNote{Source: source, Kind: DriftValue, Path: path, Class: class})
}

func (d *Drift) note(n DriftNote) {
	if !d.told[n] && len(d.told) < mostDrift {
		d.told[n] = true
		d.tell(n)
	}
}

// sample looks at the record at hand, if it is time for one.
func (w *Worker) sample(payload []byte, source int, now int64) {
	d := w.pipeline.options.Drift
	if d == nil || now-w.sampled < samplePause || len(payload) > longestSample {
		return
	}
	w.sampled = now
	name, leaves := w.pipeline.plan.Sources[source].Name, w.pipeline.program.Leaves(source, payload)
	d.observe(name, leaves, now)
	d.personal(name, leaves, w.pipeline.inClear[source])
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
