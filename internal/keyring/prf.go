// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/prf/aescmacprf"
)

const blockSize = 16

// PRF is AES-CMAC as a pseudorandom function (RFC 4493): the same bytes as Tink's AES-CMAC-PRF, without its allocations.
// It is immutable and safe for concurrent use.
type PRF struct {
	opaque
	block  cipher.Block
	k1, k2 [blockSize]byte // RFC 4493's subkeys, for complete and padded last blocks
}

func newPRF(key *aescmacprf.Key) (*PRF, error) {
	return newCMAC(key.KeyBytes().Data(insecuresecretdataaccess.Token{}))
}

func newCMAC(key []byte) (*PRF, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("AES-CMAC key: %w", err)
	}
	p := &PRF{block: block}
	var zero [blockSize]byte
	block.Encrypt(p.k1[:], zero[:])
	double(&p.k1)
	p.k2 = p.k1
	double(&p.k2)
	return p, nil
}

// Sum sets out to the PRF of msg. It works inside out: where out lies on the heap (a field of a longer-lived struct),
// the call does not allocate.
func (p *PRF) Sum(out *[16]byte, msg []byte) {
	if len(msg) <= blockSize {
		*out = [blockSize]byte{}
	} else {
		*out = [blockSize]byte(msg)
		for msg = msg[blockSize:]; len(msg) > blockSize; msg = msg[blockSize:] {
			p.block.Encrypt(out[:], out[:])
			xorBlock(out, (*[blockSize]byte)(msg))
		}
		p.block.Encrypt(out[:], out[:])
	}
	var last [blockSize]byte
	p.lastBlock(&last, msg)
	xorBlock(out, &last)
	p.block.Encrypt(out[:], out[:])
}

// xorBlock is subtle.XORBytes for one block, inlined (BenchmarkPRF32: a tenth of it).
func xorBlock(dst, by *[blockSize]byte) {
	binary.NativeEndian.PutUint64(dst[:8], binary.NativeEndian.Uint64(dst[:8])^binary.NativeEndian.Uint64(by[:8]))
	binary.NativeEndian.PutUint64(dst[8:], binary.NativeEndian.Uint64(dst[8:])^binary.NativeEndian.Uint64(by[8:]))
}

// lastBlock sets last to the end of a message, padded if need be, under the subkey that tells which.
func (p *PRF) lastBlock(last *[blockSize]byte, msg []byte) {
	if len(msg) == blockSize {
		*last = [blockSize]byte(msg)
		xorBlock(last, &p.k1)
		return
	}
	copy(last[:], msg)
	last[len(msg)] = 0x80
	xorBlock(last, &p.k2)
}

// double multiplies b by x in GF(2^128), as RFC 4493 and RFC 5297 define it.
func double(b *[blockSize]byte) {
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	carry := hi >> 63
	hi = hi<<1 | lo>>63
	lo = lo<<1 ^ (-carry & 0x87)
	binary.BigEndian.PutUint64(b[:8], hi)
	binary.BigEndian.PutUint64(b[8:], lo)
}
