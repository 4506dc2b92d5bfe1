// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/transform"
)

// Leaf is one scalar of a payload, named by the plan or not. Raw is clear.
type Leaf struct {
	Path   event.Path // with the indexes of array elements
	Offset int
	Raw    []byte
}

// Leaves lists every scalar of a payload that Read accepts. It allocates: for explaining and discovering, not for the stream.
func Leaves(payload []byte) []Leaf {
	l := lister{}
	l.payload, l.maxDepth = payload, deepest
	l.value(l.space(0), nil)
	return l.leaves
}

// deepest is where the listing ends: paths grow with the depth.
const deepest = 512

type lister struct {
	scanner
	leaves []Leaf
}

func (l *lister) value(i int, path event.Path) int {
	switch {
	case i < 0 || i >= len(l.payload) || len(path) > deepest:
		return failed
	case l.payload[i] == '{':
		i, more := l.open(i, '}')
		for more && i >= 0 && i < len(l.payload) {
			end, _ := l.text(i + 1)
			if end < 0 {
				return failed
			}
			name := string(transform.AppendUnescaped(nil, l.payload[i+1:end]))
			i = l.value(l.colon(end+1), extend(path, event.Segment{Name: name}))
			i, more = l.next(i, '}')
		}
		return i
	case l.payload[i] == '[':
		i, more := l.open(i, ']')
		for n := 0; more && i >= 0; n++ {
			i = l.value(i, extend(path, event.Segment{Kind: event.Index, Index: n}))
			i, more = l.next(i, ']')
		}
		return i
	}
	end := l.skip(i, 0)
	if end >= 0 {
		l.leaves = append(l.leaves, Leaf{path, i, l.payload[i:end]})
	}
	return end
}
