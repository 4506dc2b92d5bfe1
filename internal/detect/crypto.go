// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/nymstream/nymstream/internal/detect/span"
)

const (
	bitcoinAlphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	rippleAlphabet  = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
	bech32Alphabet  = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
)

// values gives the value of each byte in an alphabet; 255 for others.
func values(alphabet string) (table [256]byte) {
	for i := range table {
		table[i] = 255
	}
	for i := range len(alphabet) {
		table[alphabet[i]] = byte(i)
	}
	return table
}

var (
	base58       = values(bitcoinAlphabet)
	rippleBase58 = values(rippleAlphabet)
	bech32       = values(bech32Alphabet)
)

// wallet finds an address of a cryptocurrency in the word t[i:j]; it gives its end, 0 for none.
func (s *Scanner) wallet(i, j int) int {
	t := s.text.Bytes
	if j-i < 25 || j-i > 128 {
		return 0
	}
	if name := walletOf(t[i:j]); name != "" {
		s.addFor(span.Pattern|span.Validator, i, j, span.Crypto, .97, name)
		return j
	}
	name := shapedWallet(t[i:j])
	if name == "" || !s.text.Field && !s.text.Near(cues().crypto, i, j, 64) {
		return 0
	}
	s.addFor(span.Pattern|span.Context, i, j, span.Crypto, .75, name)
	return j
}

// walletOf names the currency of an address that proves itself by a checksum, or a length and prefix of its own.
func walletOf(w []byte) string {
	switch c, n := w[0], len(w); {
	case n == 42 && c == '0' && w[1]|32 == 'x' && allHex(w[2:]):
		return "ethereum"
	case n == 34 && c == 'T' && checked(w, &base58, 0x41):
		return "tron"
	case n <= 35 && (c == 'D' || c == '9' || c == 'A') && checked(w, &base58, 0x1e, 0x16):
		return "dogecoin"
	case n <= 35 && (c == 'L' || c == 'M') && checked(w, &base58, 0x30, 0x32):
		return "litecoin"
	case n <= 35 && (c == 'X' || c == '7') && checked(w, &base58, 0x4c, 0x10):
		return "dash"
	case n <= 35 && c == 'r' && checked(w, &rippleBase58, 0):
		return "ripple"
	case n <= 35 && (c == '1' || c == '3' || c == '2' || c == 'm' || c == 'n') && checked(w, &base58, 0, 5, 0x6f, 0xc4):
		return "bitcoin"
	case n == 35 && c == 't' && checkedPair(w):
		return "zcash"
	case (n == 95 || n == 106) && (c == '4' || c == '8') && allIn(w, &base58):
		return "monero"
	}
	return segwit(w)
}

// shapedWallet names the currency of an address that only has a shape.
func shapedWallet(w []byte) string {
	switch n := len(w); {
	case n >= 43 && n <= 44 && allIn(w, &base58) && mixedCase(w):
		return "solana"
	case n == 56 && w[0] == 'G' && isUpperBase32(w):
		return "stellar"
	case n >= 46 && n <= 48 && allIn(w, &base58) && mixedCase(w):
		return "polkadot"
	case n >= 26 && n <= 35 && bytes.IndexByte([]byte("13LMDr"), w[0]) >= 0 && allIn(w, &base58) && mixedCase(w):
		return "base58"
	case n == 48 && (w[0] == 'E' || w[0] == 'U') && w[1] == 'Q':
		return "ton"
	case n >= 58 && n <= 104 && bytes.HasPrefix(w, []byte("addr1")):
		return "cardano"
	}
	return ""
}

func allIn(w []byte, alphabet *[256]byte) bool {
	return !slices.ContainsFunc(w, func(c byte) bool { return alphabet[c] == 255 })
}

func isUpperBase32(w []byte) bool {
	return !slices.ContainsFunc(w, func(c byte) bool { return class[c]&upper == 0 && (c < '2' || c > '7') })
}

func mixedCase(w []byte) bool {
	var all uint8
	for _, c := range w {
		all |= class[c]
	}
	return all&(upper|lower|digit) == upper|lower|digit
}

// decode58 gives the 25 or 26 bytes that a base-58 word stands for, right-aligned, and reports whether it fits.
func decode58(out []byte, w []byte, alphabet *[256]byte) bool {
	for _, c := range w {
		carry := int(alphabet[c])
		if carry == 255 {
			return false
		}
		for i := len(out) - 1; i >= 0; i-- {
			carry += int(out[i]) * 58
			out[i], carry = byte(carry), carry>>8
		}
		if carry != 0 {
			return false
		}
	}
	return true
}

// checked reports an address of base58check with one of these version bytes.
func checked(w []byte, alphabet *[256]byte, versions ...byte) bool {
	var b [25]byte
	return decode58(b[:], w, alphabet) && slices.Contains(versions, b[0]) && checksum58(b[:])
}

// checkedPair is checked for the two bytes of Zcash's versions.
func checkedPair(w []byte) bool {
	var b [26]byte
	return decode58(b[:], w, &base58) && b[0] == 0x1c && (b[1] == 0xb8 || b[1] == 0xbd) && checksum58(b[:])
}

func checksum58(b []byte) bool {
	n := len(b) - 4
	sum := sha256.Sum256(b[:n])
	sum = sha256.Sum256(sum[:])
	return bytes.Equal(sum[:4], b[n:])
}

// chains are the human-readable parts that are known.
var chains = map[string]string{
	"bc": "bitcoin", "tb": "bitcoin", "bcrt": "bitcoin", "ltc": "litecoin", "tltc": "litecoin", "addr": "cardano", "stake": "cardano", "cosmos": "cosmos",
	"osmo": "cosmos", "juno": "cosmos", "terra": "cosmos", "inj": "cosmos", "celestia": "cosmos", "bnb": "binance", "one": "harmony", "zil": "zilliqa",
	"erd": "multiversx", "zs": "zcash", "lnbc": "lightning", "npub": "nostr", "nsec": "nostr", "vtc": "vertcoin", "dgb": "digibyte", "mona": "monacoin",
}

// segwit names the currency of an address of BIP 173 or BIP 350, by its checksum.
func segwit(w []byte) string {
	bar := bytes.LastIndexByte(w, '1')
	if bar < 1 || bar > 10 || len(w)-bar < 7 {
		return ""
	}
	var part [10]byte
	up := class[w[0]]&upper != 0
	sum := uint32(1)
	for i, c := range w[:bar] {
		if class[c]&upper != 0 != up && class[c]&letter != 0 {
			return ""
		}
		part[i] = lowered(c)
		sum = polymod(sum, part[i]>>5)
	}
	name, ok := chains[string(part[:bar])]
	if !ok {
		return ""
	}
	sum = polymod(sum, 0)
	for _, c := range part[:bar] {
		sum = polymod(sum, c&31)
	}
	for _, c := range w[bar+1:] {
		if class[c]&letter != 0 && class[c]&upper != 0 != up || bech32[lowered(c)] == 255 {
			return ""
		}
		sum = polymod(sum, bech32[lowered(c)])
	}
	if sum != 1 && sum != 0x2bc830a3 {
		return ""
	}
	return name
}

// polymod is one step of the BCH code of BIP 173.
func polymod(sum uint32, value byte) uint32 {
	top := sum >> 25
	sum = sum&0x1ffffff<<5 ^ uint32(value)
	for i, g := range [5]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
		if top>>i&1 != 0 {
			sum ^= g
		}
	}
	return sum
}
