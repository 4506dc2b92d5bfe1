// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

var hasher = rfc6962.DefaultHasher

func newRange() *compact.Range {
	return (&compact.RangeFactory{Hash: hasher.HashChildren}).NewEmptyRange(0)
}

// rootOf gives the root of a range from 0 on.
func rootOf(r *compact.Range) ([]byte, error) {
	if r.End() == 0 {
		return hasher.EmptyRoot(), nil
	}
	return r.GetRootHash(nil)
}

// tree is the right edge of the log's Merkle tree as this process computed it, with the roots of its latest sizes.
type tree struct {
	edge  *compact.Range
	first uint64   // size of roots[0]
	roots [][]byte // of the sizes from first to edge.End()
}

func newTree(edge *compact.Range) (*tree, error) {
	root, err := rootOf(edge)
	if err != nil {
		return nil, err
	}
	return &tree{edge: edge, first: edge.End(), roots: [][]byte{root}}, nil
}

func (t *tree) size() uint64 { return t.edge.End() }

func (t *tree) append(leafHash []byte) error {
	if err := t.edge.Append(leafHash, nil); err != nil {
		return err
	}
	root, err := rootOf(t.edge)
	if err != nil {
		return err
	}
	t.roots = append(t.roots, root)
	return nil
}

// root gives nil for a size that is not, or no longer, known.
func (t *tree) root(size uint64) []byte {
	if size < t.first || size > t.size() {
		return nil
	}
	return t.roots[size-t.first]
}

// forget drops the roots of smaller sizes.
func (t *tree) forget(size uint64) {
	if size > t.first {
		t.roots = append(t.roots[:0:0], t.roots[size-t.first:]...)
		t.first = size
	}
}
