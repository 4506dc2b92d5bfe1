// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"encoding/base64"
	"encoding/binary"
	"errors"

	"github.com/nymstream/nymstream/internal/keyring"
)

// A sealed leaf is a JSON string: base64url without padding of Tink's wire format. Its plaintext says how to restore the leaf:
//
//	kind (1 byte: s string, n number, t true, f false, z null) ‖ length (uvarint) ‖ text ‖ zeros up to a multiple of 32 bytes
//
// where text is the decoded string or the number as it was written. The zeros leave of the length only its 32-byte step.
const padTo = 32

var sealedText = base64.RawURLEncoding

var kindBytes = [...]byte{String: 's', Number: 'n', True: 't', False: 'f', Null: 'z'}

type seal struct {
	place []byte // label parts: class, rule path
}

// NewSeal encrypts a leaf with AES-256-GCM under the key of its owner in the recipient's domain, bound to class, rule path and
// the owner's pseudonym. A leaf whose owner is unknown is a misfit.
func NewSeal(class, path string) Technique {
	return seal{place: keyring.AppendLabelPart(keyring.AppendLabelPart(nil, class), path)}
}

func (t seal) Append(dst []byte, v *Value, s *Scope) ([]byte, Verdict) {
	if !s.Owner.Known || !s.Owner.Identity.ofSubject {
		return dst, Misfit
	}
	k, err := s.sealingKey()
	if err != nil {
		return dst, Misfit // not reachable: HKDF and AES take every subject; nothing leaves if they do not
	}
	s.clear = appendPlaintext(s.clear[:0], v)
	s.ad = append(append(append(s.ad[:0], k.head...), t.place...), k.tail...)
	s.wire = k.key.Seal(s.wire[:0], s.nonces.next(), s.clear, s.ad)
	return appendSealed(dst, s.wire), Done
}

type deterministicSeal struct {
	class []byte // label part
}

// NewDeterministicSeal encrypts a leaf with AES-SIV so that equal values of one class stay equal within the recipient's epoch,
// whosever they are: for declared joins. The key is the epoch's, so erasing a person does not close these seals.
func NewDeterministicSeal(class string) Technique {
	return deterministicSeal{keyring.AppendLabelPart(nil, class)}
}

func (t deterministicSeal) Append(dst []byte, v *Value, s *Scope) ([]byte, Verdict) {
	s.clear = appendPlaintext(s.clear[:0], v)
	s.ad = appendDeterministicLabel(s.ad[:0], s.Domain, t.class)
	s.wire = s.Domain.SealDeterministic(s.wire[:0], s.clear, s.ad)
	return appendSealed(dst, s.wire), Done
}

func appendSealLabel(dst []byte, d *keyring.Domain, place []byte, pseudonym string) []byte {
	return keyring.AppendLabelPart(append(appendSealHead(dst, d), place...), pseudonym)
}

// appendSealHead appends what stands before the place.
func appendSealHead(dst []byte, d *keyring.Domain) []byte {
	return keyring.AppendLabel(dst, "seal", d.Recipient(), d.EpochText())
}

func appendDeterministicLabel(dst []byte, d *keyring.Domain, class []byte) []byte {
	dst = keyring.AppendLabel(dst, "deterministic", d.Recipient(), d.EpochText())
	return append(dst, class...)
}

func appendSealed(dst, wire []byte) []byte {
	dst = append(dst, '"')
	dst = appendBase64(dst, wire)
	return append(dst, '"')
}

func appendPlaintext(dst []byte, v *Value) []byte {
	start := len(dst)
	dst = append(dst, kindBytes[v.Kind])
	text := v.Text
	if v.Kind != String && v.Kind != Number {
		text = nil
	}
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	dst = append(dst, text...)
	if over := (len(dst) - start) % padTo; over > 0 {
		dst = append(dst, make([]byte, padTo-over)...) // the compiler makes no slice of its own here
	}
	return dst
}

// ErrSealed says that a sealed leaf does not open: another key, another place, or changed bytes.
var ErrSealed = errors.New("sealed leaf does not open")

// OpenSeal opens what NewSeal of the same class and path made for the owner in the domain. text is the string without quotes.
// It answers a person who may know: the result is clear.
func OpenSeal(d *keyring.Domain, owner Owner, class, path string, text []byte) (Value, error) {
	wire, err := sealedText.Strict().DecodeString(string(text))
	if err != nil {
		return Value{}, ErrSealed
	}
	s := &Scope{Domain: d, Owner: owner}
	pseudonym := owner.Identity.AppendPseudonymOf(nil, &s.Owner.Secret, s)
	place := keyring.AppendLabelPart(keyring.AppendLabelPart(nil, class), path)
	plaintext, err := d.OpenField(appendFieldSalt(nil, &owner), wire, appendSealLabel(nil, d, place, string(pseudonym)))
	if err != nil {
		return Value{}, ErrSealed
	}
	return readPlaintext(plaintext)
}

// OpenDeterministicSeal opens what NewDeterministicSeal of the same class made in the domain.
func OpenDeterministicSeal(d *keyring.Domain, class string, text []byte) (Value, error) {
	wire, err := sealedText.Strict().DecodeString(string(text))
	if err != nil {
		return Value{}, ErrSealed
	}
	plaintext, err := d.OpenDeterministic(wire, appendDeterministicLabel(nil, d, keyring.AppendLabelPart(nil, class)))
	if err != nil {
		return Value{}, ErrSealed
	}
	return readPlaintext(plaintext)
}

// readPlaintext is the inverse of appendPlaintext. It restores kind, text and the raw token.
func readPlaintext(p []byte) (Value, error) {
	if len(p) == 0 || len(p)%padTo != 0 {
		return Value{}, ErrSealed
	}
	v := Value{}
	switch p[0] {
	case 's':
		v.Kind = String
	case 'n':
		v.Kind = Number
	case 't':
		v.Kind, v.Text = True, []byte("true")
	case 'f':
		v.Kind, v.Text = False, []byte("false")
	case 'z':
		v.Kind, v.Text = Null, []byte("null")
	default:
		return Value{}, ErrSealed
	}
	n, used := binary.Uvarint(p[1:])
	if used <= 0 || n > uint64(len(p)-1-used) {
		return Value{}, ErrSealed
	}
	if v.Kind == String || v.Kind == Number {
		v.Text = p[1+used : 1+used+int(n)]
	}
	v.Raw = v.Text
	if v.Kind == String {
		v.Raw = AppendString(nil, v.Text)
	}
	return v, nil
}

// SealKeyset gives the key that the owner's leaves are sealed with in the domain, as a Tink keyset in JSON, in clear: for
// programs that open seals without nymstream. Whoever has it can read every sealed leaf of that person in the domain.
func SealKeyset(d *keyring.Domain, owner Owner) ([]byte, error) {
	return d.FieldKeyset(appendFieldSalt(nil, &owner))
}
