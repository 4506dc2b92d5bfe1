// SPDX-License-Identifier: Apache-2.0

package format

import (
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
)

// Classification is the data classification extension of CloudEvents, for what one recipient gets: our output is a new event,
// so it says what that event is, not what the raw one was.
type Classification struct {
	Level      string // dataclassification: internal, confidential or restricted
	Regulation string // dataregulation
	Category   string // datacategory, in the GDPR's words of the extension
}

// Classify judges what a recipient can get of one source by the most sensitive field that leaves at all. Pseudonyms and seals
// stay personal data (GDPR, recital 26): only a flow without any is non-sensitive.
func Classify(plan *policy.Plan, flow int) Classification {
	f := &plan.Flows[flow]
	worst := 0
	for i := range f.Events {
		leaves := plan.Sources[f.Source].Events[i].Leaves
		for j := range f.Events[i].Decisions {
			worst = max(worst, sensitivity(&leaves[j], &f.Events[i].Decisions[j]))
		}
	}
	return []Classification{
		{"internal", "GDPR", "non-sensitive"},
		{"confidential", "GDPR", "standard"},
		{"restricted", "GDPR", "sensitive"},
		{"restricted", "GDPR", "special-category"},
	}[worst]
}

// sensitivity says how sensitive a leaf is after what is done to it.
func sensitivity(l *policy.Leaf, d *policy.Decision) int {
	t := d.Technique.Name
	switch {
	case t == "", t == policy.Drop, t == policy.Replace, t == policy.Blank, t == policy.Count, l.Class == policy.Plain, l.Class == policy.Offset:
		return 0
	case l.Class == policy.Special || l.Class == policy.Health:
		return 3 // whether there is one already tells
	case t == policy.Presence:
		return 0
	case d.Clear != "", t == policy.InText, l.Class == policy.Text && t == policy.Keep, l.Class == policy.Free && t == policy.Keep, l.Class == policy.Geo && t == policy.Keep, l.Class == policy.Birth && t == policy.Keep:
		return 2
	}
	return 1
}

// Headers gives the extension's attributes as the Kafka binding's binary mode has them.
func (c Classification) Headers() []event.Header {
	return []event.Header{
		{Key: []byte("ce_dataclassification"), Value: []byte(c.Level)},
		{Key: []byte("ce_dataregulation"), Value: []byte(c.Regulation)},
		{Key: []byte("ce_datacategory"), Value: []byte(c.Category)},
	}
}

// AppendMembers puts the attributes into a document of the JSON event format, before its last brace. The document is one that
// the rewriter wrote: an object without white space around it.
func (c Classification) AppendMembers(document []byte) []byte {
	document = document[:len(document)-1]
	for _, a := range [][2]string{{"dataclassification", c.Level}, {"dataregulation", c.Regulation}, {"datacategory", c.Category}} {
		document, _ = appendAttribute(document, a[0], a[1])
	}
	return append(document, '}')
}
