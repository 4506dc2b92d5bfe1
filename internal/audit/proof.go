// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/tessera/api/layout"
)

// maxNodeTiles bounds a prover's memory: 64 tiles with all nodes above them are about 2 MB.
const maxNodeTiles = 64

// prover makes audit paths in a tree of a fixed size. It keeps the tiles it read, so that neighbors cost little.
type prover struct {
	dir   string
	size  uint64
	tiles map[tile]map[compact.NodeID][]byte // all nodes of a tile, by tree level and index
}

func newProver(dir string, size uint64) *prover {
	return &prover{dir: dir, size: size, tiles: map[tile]map[compact.NodeID][]byte{}}
}

// inclusion gives the path from an entry up to the root (RFC 6962, 2.1.1).
func (p *prover) inclusion(index uint64) ([][]byte, error) {
	nodes, err := proof.Inclusion(index, p.size)
	if err != nil {
		return nil, err
	}
	hashes := make([][]byte, 0, len(nodes.IDs))
	for _, id := range nodes.IDs {
		hash, err := p.node(id)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return nodes.Rehash(hashes, hasher.HashChildren)
}

func (p *prover) node(id compact.NodeID) ([]byte, error) {
	level, index, _, _ := layout.NodeCoordsToTileAddress(uint64(id.Level), id.Index)
	t := tile{level: level, index: index}
	nodes, ok := p.tiles[t]
	if !ok {
		var err error
		if nodes, err = p.load(t); err != nil {
			return nil, err
		}
		if len(p.tiles) == maxNodeTiles {
			clear(p.tiles)
		}
		p.tiles[t] = nodes
	}
	hash, ok := nodes[id]
	if !ok {
		return nil, fmt.Errorf("tile %d of level %d is too short", index, level)
	}
	return hash, nil
}

// load computes the nodes above a tile's hashes.
func (p *prover) load(t tile) (map[compact.NodeID][]byte, error) {
	t.width = t.want(p.size)
	raw, _, err := readTile(p.dir, t)
	if err != nil {
		return nil, err
	}
	nodes := make(map[compact.NodeID][]byte, 2*t.width)
	edge := newRange()
	keep := func(id compact.NodeID, hash []byte) {
		up := uint64(layout.TileHeight) - uint64(id.Level) // the node's place among those of its level in the tile
		nodes[compact.NewNodeID(id.Level+uint(t.level*layout.TileHeight), t.index<<up+id.Index)] = hash
	}
	for len(raw) >= hashSize && edge.End() < t.width {
		if err := edge.Append(raw[:hashSize], keep); err != nil {
			return nil, err
		}
		raw = raw[hashSize:]
	}
	return nodes, nil
}
