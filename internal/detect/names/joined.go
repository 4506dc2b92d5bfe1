// SPDX-License-Identifier: Apache-2.0

package names

// longest is how many bytes of a word are looked at for names that it is put together from.
const longest = 32

// join looks for names in words that are put together: JaneMiller, and after an @ that stands apart, janemiller.
func (s *Sentence) join(text []byte) {
	for i := range s.Tokens {
		t := &s.Tokens[i]
		word := text[t.Start:min(t.End, t.Start+longest)]
		switch t.shape {
		case mixed:
			t.parts = s.byCase(word)
		case lower, title, numbered:
			if i > 0 && s.Tokens[i-1].hash == atSign && t.entry == 0 {
				t.parts = s.byPrefix(word)
			}
		}
	}
}

// atSign is the hash of an @ that begins no mention.
const atSign = '@' * fnvPrime & (1<<32 - 1)

// byCase gives the tiers of the first part as a given name and as an everyday word, and of the last as a family name.
func (s *Sentence) byCase(word []byte) uint8 {
	first, hash, parts := Entry(0), uint32(fnvSeed), 0
	for i, c := range word {
		if i > 0 && classes[c] == isUpper && classes[word[i-1]] != isUpper {
			if parts++; parts == 1 {
				first = s.lexicon.find(hash)
			}
			hash = fnvSeed
		}
		hash = fold(hash, c)
	}
	if parts == 0 {
		return 1 << 7
	}
	last := s.lexicon.find(hash)
	return 1<<7 | uint8(min(parts, 2)-1)<<6 | uint8(first.Given()<<4|first.Common()<<2|last.Family())
}

// byPrefix gives likewise the tiers of the longest given name that the word begins with, and of the rest.
func (s *Sentence) byPrefix(word []byte) uint8 {
	const short = 4 // shorter beginnings are names by chance
	hash, found, size := uint32(fnvSeed), Entry(0), 0
	for i, c := range word {
		hash = fold(hash, c)
		if i+1 < short {
			continue
		}
		if e := s.lexicon.find(hash); e.Given() > 1 {
			found, size = e, i+1
		}
	}
	if size == 0 {
		return 0
	}
	rest := uint32(fnvSeed)
	for _, c := range word[size:] {
		rest = fold(rest, c)
	}
	return uint8(found.Given()<<4 | found.Common()<<2 | s.lexicon.find(rest).Family())
}

// fold takes a byte into the hash of a word, an ASCII letter without case.
func fold(hash uint32, c byte) uint32 {
	if classes[c] == isUpper {
		c |= 0x20
	}
	return (hash ^ uint32(c)) * fnvPrime
}
