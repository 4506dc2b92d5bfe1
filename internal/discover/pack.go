// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/policy"
)

// packStyle is how much of a proposal a pack says. What the language's limits do not allow is left out: it has no class then, so it never leaves.
type packStyle struct {
	shapes   bool
	nested   bool // without shapes too where objects stand inside their like: as deep as was seen
	comments bool
	depth    int // of shapes inside themselves; 0: such shapes are left out
	deepest  int // steps of a path
	events   int
}

// packWriter writes one pack.
type packWriter struct {
	in     *inference
	style  packStyle
	shapes *shapes
	used   map[*group]bool
	inside *group          // whose fields are being written
	known  map[string]bool // paths that have a class
	left   int             // fields that the pack has no class for
}

// WritePack writes the proposal as a pack that the policy package reads.
func (p *Proposal) WritePack(out io.Writer) error {
	text, err := p.pack()
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

// styles are tried in turn until the pack is within the limits of the language.
var styles = []packStyle{
	{shapes: false, comments: true, deepest: 60, events: 40},
	{shapes: true, comments: true, depth: 3, deepest: 60, events: 40},
	{shapes: true, comments: true, depth: 2, deepest: 60, events: 40},
	{shapes: true, comments: true, depth: 1, deepest: 60, events: 12},
	{shapes: false, comments: true, nested: true, deepest: 60, events: 12},
	{shapes: true, comments: true, depth: 0, deepest: 60, events: 4},
	{shapes: true, comments: false, depth: 0, deepest: 60, events: 4},
	{shapes: false, comments: false, nested: true, deepest: 8, events: 4},
	{shapes: false, comments: false, nested: true, deepest: 5, events: 1},
	{shapes: false, comments: false, nested: true, deepest: 3, events: 1},
}

// roomy is the size up to which a pack with evidence still reads well.
const roomy = 250 << 10

func (p *Proposal) pack() ([]byte, error) {
	var last error
	for _, style := range styles {
		if !style.shapes && !style.nested && len(p.Nested) > 0 {
			continue
		}
		// The fields first, to learn which paths have a class; then subjects and times, which need one.
		var plan *policy.Plan
		var text []byte
		known, left := map[string]bool{}, 0
		for range 2 {
			w := &packWriter{in: p.in, style: style, shapes: p.shapes, used: map[*group]bool{}, known: known, left: left}
			if text, last = w.write(p); last != nil {
				return nil, last
			}
			if len(text) > roomy {
				last = fmt.Errorf("the pack has %d bytes", len(text))
				break
			}
			if plan, last = LoadPack(p.Name, text); last != nil {
				break
			}
			for _, path := range Classified(&plan.Sources[0]) {
				known[path.String()] = true
			}
			left = 0
			for i := range p.Fields {
				left += missing(known, &p.Fields[i])
			}
		}
		if last == nil {
			return text, nil
		}
	}
	return nil, fmt.Errorf("no pack that loads came of the samples: %w", last)
}

// missing is 1 for a field that no path of the pack covers. A string with a document inside has no class of its own.
func missing(known map[string]bool, f *Field) int {
	if known[f.Path] || len(f.node.inner) > 0 || f.node.leaf.present() == 0 {
		return 0
	}
	return 1
}

func (w *packWriter) write(p *Proposal) ([]byte, error) {
	root := w.in.d.root
	var fields []entry
	if g := w.shapes.of[root]; w.style.shapes && g != nil && len(w.scalars(g)) == 0 {
		w.used[g] = true
		fields = []entry{{key: quoted("$"), text: w.reference(g, nil)}}
	} else {
		fields = w.place([]*node{root}, frame{absolute: true})
	}
	pack := []entry{
		{key: "language", text: "1"},
		{key: "pack", text: p.Name},
		{key: "version", text: "1"},
		{key: "description", text: quoted("Proposed from samples: read every line before you rely on it")},
	}
	if shapes := w.writeShapes(); len(shapes) > 0 {
		pack = append(pack, entry{key: "shapes", inside: shapes, head: "What recurs"})
	}
	if len(fields) > 0 {
		pack = append(pack, entry{key: "fields", inside: fields, head: "Of every event"})
	}
	pack = append(pack, entry{key: "events", inside: w.events(p), head: "Tried in order"})
	var out bytes.Buffer
	p.header(&out, w.left)
	err := writeEntries(&out, pack, 0, w.style.comments)
	return out.Bytes(), err
}

// header says in comments what the proposal rests on, and what a reader must still decide.
func (p *Proposal) header(out *bytes.Buffer, left int) {
	fmt.Fprintf(out, "# Proposed by `nymstream policy discover` from %d samples; no value of them stands here.\n", p.Samples)
	fmt.Fprintln(out, "# Behind each field: how sure it is, and the evidence. What is not understood has the stricter class (free, object-id, credential).")
	if p.Refused > 0 {
		fmt.Fprintf(out, "# Samples that are no strict JSON, and left out: %d.\n", p.Refused)
	}
	if p.Unread > 0 {
		fmt.Fprintf(out, "# %d values at further places were not read: the format has too many for one pack, or names that are data.\n", p.Unread)
	}
	if left > 0 {
		fmt.Fprintf(out, "# %d paths are left out, for a pack has its limits: they have no class, so they never leave. The table has them all.\n", left)
	}
	for _, line := range []struct {
		what  string
		paths []string
	}{{"Acting person, the likeliest first", p.Subject}, {"Time of the event, the likeliest first", p.Times}, {"Credentials, which never leave", p.Credentials()}} {
		if len(line.paths) > 0 {
			fmt.Fprintf(out, "# %s: %s.\n", line.what, strings.Join(line.paths[:min(8, len(line.paths))], ", "))
		}
	}
	for _, n := range p.Nested[:min(8, len(p.Nested))] {
		fmt.Fprintf(out, "# %s is an object like %s, %d deep.\n", n.Inner, n.Outer, n.Depth)
	}
	for _, m := range p.Maps[:min(8, len(p.Maps))] {
		fmt.Fprintf(out, "# %s is a map whose member names are data (%s).\n", m.Path, m.Class)
	}
	fmt.Fprintln(out)
}

// writeShapes writes the shapes that are referred to; writing one may refer to more.
func (w *packWriter) writeShapes() []entry {
	done := map[*group]bool{}
	var out []entry
	for again := true; again; {
		again = false
		for _, g := range w.shapes.all {
			if !w.used[g] || done[g] {
				continue
			}
			done[g], again = true, true
			out = append(out, entry{key: g.name, inside: w.shape(g)})
		}
	}
	slices.SortFunc(out, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	return out
}

func (w *packWriter) shape(g *group) []entry {
	w.inside = g
	defer func() { w.inside = nil }()
	var out []entry
	owner := w.owner(g.nodes)
	if owner != nil {
		out = append(out, entry{key: "subject", text: relative(owner, false)})
	}
	if scalars := w.scalars(g); len(scalars) > 0 {
		n, v := w.in.strictest(scalars)
		out = append(out, entry{key: "value", text: w.leafText(scalars, n, v, frame{})})
	}
	fields := w.members(g.nodes, frame{})
	return append(out, entry{key: "fields", inside: fields})
}

// scalars lists the places of a shape that hold bare scalars too, themselves or the arrays around them.
func (w *packWriter) scalars(g *group) []*node {
	var out []*node
	for _, n := range g.nodes {
		for at := n; at != nil; at = at.parent {
			if at.leaf != nil && at.leaf.present() > 0 {
				out = append(out, at)
			}
			if at.step != eachStep {
				break
			}
		}
	}
	return out
}

// reference names a shape. One that stands inside itself says how deep; "" where that is left out.
func (w *packWriter) reference(g, from *group) string {
	if from == nil || g != from && !g.reaches(from, map[*group]bool{}) {
		return "{shape: " + g.name + "}"
	}
	if g.rank > from.rank {
		return "{shape: " + g.name + "}" // the way back to the shape around says how deep
	}
	if w.style.depth == 0 {
		return ""
	}
	return fmt.Sprintf("{shape: %s, depth: %d}", g.name, max(1, min(g.depth, w.style.depth)))
}
