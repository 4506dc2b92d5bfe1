// SPDX-License-Identifier: Apache-2.0

package names

// FeatureBits is the size of the table of weights: features that meet in a bucket share its weight.
const FeatureBits = 20

// bucket spreads two values into a bucket.
func bucket(id, a, b uint32) uint32 {
	h := (a+id*0x9e3779b1)*0x85ebca6b ^ (b^id<<7)*0xc2b2ae35
	h ^= h >> 15
	h *= 0x2c1b3c6d
	return h >> (32 - FeatureBits)
}

// MaxFeatures is how many features a token has at most.
const MaxFeatures = 64

// Features appends the buckets of the features of token i: its word, beginning, ending, shape, lists and class, those of its two
// neighbors on each side, and the text's style.
func (s *Sentence) Features(dst []uint32, i int) []uint32 {
	w := s.padded[i : i+2*pad+1]
	t, p, n := &w[2], &w[1], &w[3]
	sh, ph, nh := uint32(t.shape), uint32(p.shape), uint32(n.shape)
	before, after := p.entry.lists(), n.entry.lists()
	c, pc, nc := t.entry.class(), p.entry.class(), n.entry.class()
	cb, pb, nb := s.lexicon.classes[c], s.lexicon.classes[pc], s.lexicon.classes[nc]
	looks := t.looks()
	around := ph<<5 | nh
	dst = append(dst,
		bucket(1, sh, s.style),
		bucket(2, t.hash, 0),
		bucket(3, t.hash, sh),
		bucket(4, p.hash, 0),
		bucket(5, n.hash, 0),
		bucket(6, w[0].hash, sh),
		bucket(7, w[4].hash, sh),
		bucket(8, p.hash, t.hash),
		bucket(9, t.hash, n.hash),
		bucket(10, p.hash, sh),
		bucket(11, n.hash, sh),
		bucket(12, p.hash, looks),
		bucket(13, n.hash, looks),
		bucket(14, looks, 0),
		bucket(15, looks, s.style),
		bucket(16, looks, ph),
		bucket(17, looks, nh),
		bucket(18, looks, around),
		bucket(19, sh, around),
		bucket(20, looks, before<<5|ph),
		bucket(21, looks, after<<5|nh),
		bucket(22, t.head, 0),
		bucket(23, t.tail, 0),
		bucket(24, t.tail, sh),
		bucket(25, t.ending, sh),
		bucket(26, w[0].hash, p.hash),
		bucket(27, n.hash, w[4].hash),
		bucket(28, c, 0),
		bucket(29, c, sh),
		bucket(30, pc, looks),
		bucket(31, nc, looks),
		bucket(32, uint32(cb.Lower), looks),
		bucket(33, uint32(cb.Upper), looks),
		bucket(34, uint32(pb.Lower), sh),
		bucket(35, uint32(nb.Lower), sh),
		bucket(36, uint32(pb.Upper)<<8|uint32(cb.Upper), sh),
		bucket(37, uint32(cb.Upper)<<8|uint32(nb.Upper), sh),
		bucket(38, pc, c),
		bucket(39, c, nc),
		bucket(40, p.hash<<5^n.hash, sh),
		bucket(41, w[4].entry.lists()<<5|uint32(w[4].shape), after<<5|nh),
		bucket(42, w[0].entry.lists()<<5|uint32(w[0].shape), before<<5|ph),
		bucket(45, looks<<13|w[0].looks(), p.hash),
		bucket(46, looks<<13|w[4].looks(), n.hash),
		bucket(47, looks, s.company),
		bucket(48, looks, s.digits(i)),
		bucket(49, sh<<8|s.company, around),
	)
	if t.parts != 0 {
		dst = append(dst, bucket(50, uint32(t.parts), 0), bucket(51, uint32(t.parts), p.hash), bucket(52, uint32(t.parts&^3), p.hash))
	}
	if t.echo {
		dst = append(dst, bucket(43, 0, 0), bucket(44, looks, 0))
	}
	return dst
}

func (t *Token) looks() uint32 { return uint32(t.shape)<<8 | t.entry.lists() }

// digits says how near a number stands before and after token i, as in an address: 0 for none within four tokens.
func (s *Sentence) digits(i int) uint32 {
	var near uint32
	for d := 1; d <= 4 && i-d >= 0; d++ {
		if s.Tokens[i-d].shape == number {
			near = uint32(d)
			break
		}
	}
	for d := 1; d <= 4 && i+d < len(s.Tokens); d++ {
		if s.Tokens[i+d].shape == number {
			return near<<3 | uint32(d)
		}
	}
	return near << 3
}
