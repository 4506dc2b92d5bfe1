// SPDX-License-Identifier: Apache-2.0

package names

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Lexicon says of words what they are in: lists of given and family names, of everyday words, of places, and classes of words used
// alike. It is a hash table of fingerprints: one unknown word in 2,000 is taken for a known one.
type Lexicon struct {
	slots   []uint32 // 14 bits of fingerprint, 18 of Entry; 0 is free
	classes []branch // by class
}

// branch holds the numbers of the wider classes that a class lies in.
type branch struct{ Upper, Lower uint8 }

// Entry is what the lexicon says of a word; 0 is nothing.
type Entry uint32

// What an entry's bits hold.
const (
	givenShift, familyShift, commonShift = 0, 2, 4 // tiers: 0 not in it, 1 rare, 3 frequent
	placeBit, properBit                  = 1 << 6, 1 << 7
	classShift                           = 8
	entryBits                            = 18
	lexiconBits                          = 18 // of the number of slots
	lexiconMagic                         = "nymlex2\n"
)

// Given is the tier of a given name: 0 for none, 1 rare, 3 frequent. Family and Common likewise.
func (e Entry) Given() uint32 { return uint32(e) >> givenShift & 3 }

// Family is the tier of a family name.
func (e Entry) Family() uint32 { return uint32(e) >> familyShift & 3 }

// Common is the tier of a word of everyday language.
func (e Entry) Common() uint32 { return uint32(e) >> commonShift & 3 }

// lists is all but the class.
func (e Entry) lists() uint32 { return uint32(e) & (1<<classShift - 1) }

// class is the number of the class of words used alike, from 1; 0 is none.
func (e Entry) class() uint32 { return uint32(e) >> classShift }

// find gives the entry of a folded word's hash.
func (l *Lexicon) find(hash uint32) Entry {
	hash = finish(hash)
	for i := hash >> (32 - lexiconBits); ; i = (i + 1) & (1<<lexiconBits - 1) {
		slot := l.slots[i]
		if slot == 0 || slot>>entryBits == hash<<lexiconBits>>lexiconBits {
			return Entry(slot & (1<<entryBits - 1))
		}
	}
}

// finish spreads FNV's bits evenly.
func finish(h uint32) uint32 {
	h ^= h >> 15
	h *= 0x2c1b3c6d
	return h ^ h>>13
}

// Word is one line of a lexicon's source: a folded word with what lists say of it.
type Word struct {
	Text                  string
	Given, Family, Common uint32 // tiers
	Place, Proper         bool
	Class                 Path
}

// Path names the class of a word by the wider ones around it, the widest first, all from 1; the zero value is none.
type Path [3]int

// BuildLexicon packs words into the form that Load reads.
func BuildLexicon(words []Word) ([]byte, error) {
	if len(words) > 1<<lexiconBits*4/5 {
		return nil, errors.New("more words than the lexicon has room for")
	}
	paths, err := pathsOf(words)
	if err != nil {
		return nil, err
	}
	slots := make([]uint32, 1<<lexiconBits)
	for _, w := range words {
		e := w.Given<<givenShift | w.Family<<familyShift | w.Common<<commonShift
		if w.Place {
			e |= placeBit
		}
		if w.Proper {
			e |= properBit
		}
		if i, ok := slices.BinarySearchFunc(paths, w.Class, Path.compare); ok {
			e |= uint32(i+1) << classShift
		}
		hash := finish(foldHash(w.Text))
		i := hash >> (32 - lexiconBits)
		for slots[i] != 0 {
			i = (i + 1) & (1<<lexiconBits - 1)
		}
		slots[i] = hash<<entryBits | e
	}
	return pack(paths, slots)
}

// pack compresses a lexicon: the number of classes, the wider ones of each, and the slots, of which like bytes stand together.
func pack(paths []Path, slots []uint32) ([]byte, error) {
	plain := binary.LittleEndian.AppendUint32(nil, uint32(len(paths)))
	for _, p := range paths {
		plain = append(plain, byte(p[0]), byte(p[1]))
	}
	for shift := 0; shift < 32; shift += 8 {
		for _, s := range slots {
			plain = append(plain, byte(s>>shift))
		}
	}
	packed := bytes.NewBufferString(lexiconMagic)
	compressor, err := flate.NewWriter(packed, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := compressor.Write(plain); err != nil {
		return nil, err
	}
	if err := compressor.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// pathsOf gives the classes of words in order.
func pathsOf(words []Word) ([]Path, error) {
	var paths []Path
	for _, w := range words {
		if w.Class == (Path{}) {
			continue
		}
		if w.Class[0] > math.MaxUint8 || w.Class[1] > math.MaxUint8 {
			return nil, errors.New("more wide classes than a byte can number")
		}
		paths = append(paths, w.Class)
	}
	slices.SortFunc(paths, Path.compare)
	paths = slices.Compact(paths)
	if len(paths) >= 1<<(entryBits-classShift) {
		return nil, errors.New("more classes than the lexicon has room for")
	}
	return paths, nil
}

func (p Path) compare(other Path) int { return slices.Compare(p[:], other[:]) }

var errLexicon = errors.New("lexicon.bin is damaged: build it anew with `make model`")

// ReadLexicon reads what BuildLexicon made.
func ReadLexicon(raw []byte) (*Lexicon, error) {
	packed, ok := bytes.CutPrefix(raw, []byte(lexiconMagic))
	if !ok {
		return nil, errLexicon
	}
	const most = 4 + 2<<(entryBits-classShift) + 4<<lexiconBits // bytes
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), most))
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", errLexicon, err)
	}
	if len(plain) < 4 {
		return nil, errLexicon
	}
	n, plain := int(binary.LittleEndian.Uint32(plain)), plain[4:]
	if n >= 1<<(entryBits-classShift) || len(plain) != 2*n+4<<lexiconBits {
		return nil, errLexicon
	}
	l := &Lexicon{slots: make([]uint32, 1<<lexiconBits), classes: make([]branch, 1<<(entryBits-classShift))}
	for i := range n {
		l.classes[i+1] = branch{plain[2*i], plain[2*i+1]}
	}
	plain = plain[2*n:]
	full := true
	for i := range l.slots {
		for side := range 4 {
			l.slots[i] |= uint32(plain[side<<lexiconBits+i]) << (8 * side)
		}
		full = full && l.slots[i] != 0
	}
	if full { // an unknown word would be looked for without end
		return nil, errLexicon
	}
	return l, nil
}
