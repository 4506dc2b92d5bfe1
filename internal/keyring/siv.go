// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/tink-crypto/tink-go/v2/daead/aessiv"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
)

// siv is AES-SIV (RFC 5297) with one associated datum: the same bytes as Tink's, without its allocations.
type siv struct {
	opaque
	prefix []byte // Tink's output prefix
	mac    *PRF
	zero   [blockSize]byte // doubled CMAC of the zero block, the first step of S2V
	ctr    cipher.Block
	states sync.Pool // *sivState: an interface call would move locals to the heap on every seal
}

// sivState is what one seal works in.
type sivState struct{ d, v, counter, stream [blockSize]byte }

func newSIV(key *aessiv.Key) (*siv, error) {
	return newRawSIV(key.KeyBytes().Data(insecuresecretdataaccess.Token{}), key.OutputPrefix())
}

func newRawSIV(key, prefix []byte) (*siv, error) {
	mac, err := newCMAC(key[:len(key)/2])
	if err != nil {
		return nil, err
	}
	ctr, err := aes.NewCipher(key[len(key)/2:])
	if err != nil {
		return nil, fmt.Errorf("AES-SIV key: %w", err)
	}
	s := &siv{prefix: prefix, mac: mac, ctr: ctr}
	s.states.New = func() any { return new(sivState) }
	var zero [blockSize]byte
	mac.Sum(&s.zero, zero[:])
	double(&s.zero)
	return s, nil
}

// seal appends prefix ‖ V ‖ ciphertext. plaintext must not overlap the room of dst.
func (s *siv) seal(dst, plaintext, ad []byte) []byte {
	st := s.states.Get().(*sivState)
	defer s.states.Put(st)
	dst = append(slices.Grow(dst, len(s.prefix)+blockSize+len(plaintext)), s.prefix...)
	start := len(dst)
	dst = append(append(dst, st.v[:]...), plaintext...)
	body := dst[start+blockSize:]

	s.s2v(st, body, ad)
	copy(dst[start:], st.v[:])
	s.crypt(st, body)
	return dst
}

// s2v sets st.v to the synthetic initialization vector of body, which it changes and mends.
func (s *siv) s2v(st *sivState, body, ad []byte) {
	s.mac.Sum(&st.d, ad)
	subtle.XORBytes(st.d[:], st.d[:], s.zero[:])
	if len(body) >= blockSize {
		end := body[len(body)-blockSize:]
		subtle.XORBytes(end, end, st.d[:])
		s.mac.Sum(&st.v, body)
		subtle.XORBytes(end, end, st.d[:])
		return
	}
	double(&st.d)
	subtle.XORBytes(st.d[:], st.d[:], body)
	st.d[len(body)] ^= 0x80
	s.mac.Sum(&st.v, st.d[:])
}

// crypt applies AES-CTR from st.v, with the two bits cleared that RFC 5297 clears.
func (s *siv) crypt(st *sivState, body []byte) {
	st.counter = st.v
	st.counter[8] &= 0x7f
	st.counter[12] &= 0x7f
	for len(body) > 0 {
		s.ctr.Encrypt(st.stream[:], st.counter[:])
		n := subtle.XORBytes(body, body, st.stream[:])
		body = body[n:]
		lo := binary.BigEndian.Uint64(st.counter[8:]) + 1
		binary.BigEndian.PutUint64(st.counter[8:], lo)
		if lo == 0 {
			binary.BigEndian.PutUint64(st.counter[:8], binary.BigEndian.Uint64(st.counter[:8])+1)
		}
	}
}
