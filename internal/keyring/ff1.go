// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"sync"
)

// FF1 is the format-preserving encryption of NIST SP 800-38G (FF1 with AES-256): numerals of one radix become as many numerals
// of the same radix. It is deterministic; equal texts stay equal. It is immutable and safe for concurrent use.
type FF1 struct {
	opaque
	block   cipher.Block
	radix   int
	tweak   []byte
	spaces  sync.Pool  // *ff1Space
	moduli  []*big.Int // radix to the power of the index
	lengths []int      // bytes that hold so many numerals
}

// Limits of what FF1 takes. Below a million possible texts, a code book of a few guesses is the whole key (SP 800-38G, revision 1).
const (
	LongestFF1 = 256
	leastFF1   = 1_000_000
)

// FF1 lends the format-preserving encryption of one class of values over an alphabet of radix characters, 2 to 256. Its key is
// HKDF(master, label(tenant, recipient, epoch, class)), and the class is the tweak too: two classes share no value space.
func (d *Domain) FF1(class string, radix int) *FF1 {
	if known := d.formats.Load(); known != nil {
		for _, f := range *known {
			if f.radix == radix && string(f.tweak) == class {
				return f
			}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var key [32]byte
	d.master.derive(&key, AppendLabel(nil, "ff1", d.tenant, d.recipient, d.number, class))
	f, err := newFF1(key[:], radix, []byte(class))
	if err != nil {
		panic("keyring: " + err.Error()) // the techniques have a closed list of alphabets
	}
	var grown []*FF1
	if known := d.formats.Load(); known != nil {
		grown = slices.Clone(*known)
	}
	grown = append(grown, f)
	d.formats.Store(&grown)
	return f
}

func newFF1(key []byte, radix int, tweak []byte) (*FF1, error) {
	if radix < 2 || radix > 256 {
		return nil, fmt.Errorf("ff1: radix %d is not between 2 and 256", radix)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("ff1: %w", err)
	}
	f := &FF1{block: block, radix: radix, tweak: tweak}
	one, power := big.NewInt(1), big.NewInt(1)
	for range LongestFF1/2 + 2 {
		f.moduli = append(f.moduli, new(big.Int).Set(power))
		f.lengths = append(f.lengths, (new(big.Int).Sub(power, one).BitLen()+7)/8)
		power.Mul(power, big.NewInt(int64(radix)))
	}
	f.spaces.New = func() any { return new(ff1Space) }
	return f, nil
}

// Fits tells whether a text of n numerals can be encrypted: it is not longer than LongestFF1, and there are a million texts like it.
func (f *FF1) Fits(n int) bool {
	if n < 2 || n > LongestFF1 {
		return false
	}
	count := 1
	for range n {
		if count *= f.radix; count >= leastFF1 {
			return true
		}
	}
	return false
}

// Encrypt replaces numerals, each below the radix, in place. Their number must fit.
func (f *FF1) Encrypt(numerals []byte) { f.rounds(numerals, false) }

// Decrypt takes back what Encrypt did.
func (f *FF1) Decrypt(numerals []byte) { f.rounds(numerals, true) }

// ff1Space is what one call works in.
type ff1Space struct {
	a, b, y big.Int
	input   []byte
	stream  []byte
}

const ff1Rounds = 10

// rounds is algorithm 7 of SP 800-38G, and algorithm 8 where back is set. Names are the standard's.
func (f *FF1) rounds(x []byte, back bool) {
	s := f.spaces.Get().(*ff1Space)
	defer f.spaces.Put(s)
	n := len(x)
	u := n / 2
	v := n - u
	bytes := f.lengths[v] // b
	d := 4*((bytes+3)/4) + 4
	f.number(&s.a, x[:u])
	f.number(&s.b, x[u:])
	s.input = append(s.input[:0], 1, 2, 1, byte(f.radix>>16), byte(f.radix>>8), byte(f.radix), ff1Rounds, byte(u))
	s.input = binary.BigEndian.AppendUint32(s.input, uint32(n))
	s.input = binary.BigEndian.AppendUint32(s.input, uint32(len(f.tweak)))
	s.input = append(s.input, f.tweak...)
	for (len(s.input)+1+bytes)%aes.BlockSize != 0 {
		s.input = append(s.input, 0)
	}
	head := len(s.input)
	for r := range ff1Rounds {
		i := r
		from, to := &s.b, &s.a
		if back {
			i = ff1Rounds - 1 - r
			from, to = &s.a, &s.b
		}
		m := u
		if i%2 == 1 {
			m = v
		}
		s.input = append(s.input[:head], byte(i))
		s.input = append(s.input, make([]byte, bytes)...)
		from.FillBytes(s.input[head+1:])
		s.y.SetBytes(f.expand(s, d))
		if back {
			to.Sub(to, &s.y)
		} else {
			to.Add(to, &s.y)
		}
		to.Mod(to, f.moduli[m])
		s.a, s.b = s.b, s.a
	}
	f.digits(x[:u], &s.a)
	f.digits(x[u:], &s.b)
}

// expand is the CBC-MAC of the input, stretched to d bytes.
func (f *FF1) expand(s *ff1Space, d int) []byte {
	var mac, block [aes.BlockSize]byte
	for p := s.input; len(p) > 0; p = p[aes.BlockSize:] {
		for i := range mac {
			mac[i] ^= p[i]
		}
		f.block.Encrypt(mac[:], mac[:])
	}
	s.stream = append(s.stream[:0], mac[:]...)
	for j := uint64(1); len(s.stream) < d; j++ {
		block = mac
		binary.BigEndian.PutUint64(block[8:], binary.BigEndian.Uint64(block[8:])^j)
		f.block.Encrypt(block[:], block[:])
		s.stream = append(s.stream, block[:]...)
	}
	return s.stream[:d]
}

// number reads numerals, the most significant first.
func (f *FF1) number(out *big.Int, numerals []byte) {
	var digit, radix big.Int
	radix.SetInt64(int64(f.radix))
	out.SetInt64(0)
	for _, x := range numerals {
		out.Mul(out, &radix)
		out.Add(out, digit.SetInt64(int64(x)))
	}
}

// digits writes a number as numerals.
func (f *FF1) digits(to []byte, from *big.Int) {
	var digit, radix big.Int
	radix.SetInt64(int64(f.radix))
	for i := len(to) - 1; i >= 0; i-- {
		from.QuoRem(from, &radix, &digit)
		to[i] = byte(digit.Int64())
	}
}
