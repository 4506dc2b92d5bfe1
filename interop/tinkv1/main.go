// SPDX-License-Identifier: Apache-2.0

// Command tinkv1 reads a keyring with Tink 1.7.0 and nothing of ours. See ../README.md.
//
//	tinkv1 kek FILE                        makes a kek
//	tinkv1 verify DIR OUT.json REPLY.json  opens and recomputes everything, and seals the same values
package main

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/tink/go/aead"
	"github.com/google/tink/go/daead"
	"github.com/google/tink/go/insecurecleartextkeyset"
	"github.com/google/tink/go/keyset"
	"github.com/google/tink/go/prf"
	prfsubtle "github.com/google/tink/go/prf/subtle"
	"github.com/google/tink/go/tink"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "tinkv1:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "kek":
		return makeKEK(args[1])
	case len(args) == 4 && args[0] == "verify":
		return verify(args[1], args[2], args[3])
	}
	return errors.New("usage: tinkv1 kek FILE | tinkv1 verify DIR OUT.json REPLY.json")
}

func makeKEK(path string) error {
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b)); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}

// ring is keyring.json with its KEK.
type ring struct {
	kek    tink.AEAD
	Tenant string `json:"tenant"`

	Canonicalization int `json:"canonicalization"`
	Stateless        struct {
		Keyset []byte `json:"keyset"`
	} `json:"stateless"`
	Recipients []struct {
		Name   string `json:"name"`
		Epochs []struct {
			Epoch  int    `json:"epoch"`
			KEK    []byte `json:"kek"`
			Domain []byte `json:"domain"`
			Field  []byte `json:"field"`
			Seal   []byte `json:"seal"`
		} `json:"epochs"`
	} `json:"recipients"`
	Quarantine []struct {
		Day    string `json:"day"`
		KEK    []byte `json:"kek"`
		Keyset []byte `json:"keyset"`
	} `json:"quarantine"`
}

func openRing(dir string) (*ring, error) {
	data, err := os.ReadFile(filepath.Join(dir, "keyring.json"))
	if err != nil {
		return nil, err
	}
	r := new(ring)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, err
	}
	kek, err := os.Open(filepath.Join(dir, "kek"))
	if err != nil {
		return nil, err
	}
	defer kek.Close()
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(kek))
	if err != nil {
		return nil, fmt.Errorf("kek: %w", err)
	}
	r.kek, err = aead.New(h)
	return r, err
}

func label(purpose string, parts ...string) []byte {
	b := []byte("nym1")
	for _, p := range append([]string{purpose}, parts...) {
		b = append(binary.AppendUvarint(b, uint64(len(p))), p...)
	}
	return b
}

func (r *ring) unwrap(wrapped []byte, kek tink.AEAD, role, recipient, place string) (*keyset.Handle, error) {
	h, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(wrapped)), kek, label("wrap", r.Tenant, role, recipient, place))
	if err != nil {
		return nil, fmt.Errorf("%s keyset of %s %s: %w", role, recipient, place, err)
	}
	return h, nil
}

func (r *ring) ownKEK(wrapped []byte, recipient, place string) (tink.AEAD, error) {
	h, err := r.unwrap(wrapped, r.kek, "kek", recipient, place)
	if err != nil {
		return nil, err
	}
	return aead.New(h)
}

// epoch opens the keysets of a recipient's epoch.
func (r *ring) epoch(recipient string, number int) (domain, field *prf.Set, seal tink.DeterministicAEAD, err error) {
	for _, rc := range r.Recipients {
		for _, e := range rc.Epochs {
			if rc.Name != recipient || e.Epoch != number {
				continue
			}
			place := strconv.Itoa(number)
			kek, err := r.ownKEK(e.KEK, recipient, place)
			if err != nil {
				return nil, nil, nil, err
			}
			hd, err1 := r.unwrap(e.Domain, kek, "domain", recipient, place)
			hf, err2 := r.unwrap(e.Field, kek, "field", recipient, place)
			hs, err3 := r.unwrap(e.Seal, kek, "seal", recipient, place)
			if err := errors.Join(err1, err2, err3); err != nil {
				return nil, nil, nil, err
			}
			domain, err1 = prf.NewPRFSet(hd)
			field, err2 = prf.NewPRFSet(hf)
			seal, err3 = daead.New(hs)
			return domain, field, seal, errors.Join(err1, err2, err3)
		}
	}
	return nil, nil, nil, fmt.Errorf("no epoch %d of %s", number, recipient)
}

type pseudonym struct {
	Instance  string `json:"instance"`
	Type      string `json:"type"`
	OfSubject bool   `json:"of_subject"`
	Recipient string `json:"recipient"`
	Epoch     int    `json:"epoch"`
	Canonical string `json:"canonical"`
	Pseudonym string `json:"pseudonym"`
}

// secret is S = PRF(1 ‖ x) ‖ PRF(2 ‖ x).
func (r *ring) secret(p *pseudonym) ([]byte, error) {
	h, err := r.unwrap(r.Stateless.Keyset, r.kek, "stateless", "", "")
	if err != nil {
		return nil, err
	}
	set, err := prf.NewPRFSet(h)
	if err != nil {
		return nil, err
	}
	x := append(label("subject", r.Tenant, p.Instance, p.Type, strconv.Itoa(r.Canonicalization)), p.Canonical...)
	first, err1 := set.ComputePrimaryPRF(append([]byte{1}, x...), 16)
	second, err2 := set.ComputePrimaryPRF(append([]byte{2}, x...), 16)
	return append(first, second...), errors.Join(err1, err2)
}

func (r *ring) pseudonym(p *pseudonym) (string, error) {
	domain, _, _, err := r.epoch(p.Recipient, p.Epoch)
	if err != nil {
		return "", err
	}
	epoch := strconv.Itoa(p.Epoch)
	key, err := domain.ComputePrimaryPRF(label("type", r.Tenant, p.Recipient, epoch, p.Type), 32)
	if err != nil {
		return "", err
	}
	cmac, err := prfsubtle.NewAESCMACPRF(key)
	if err != nil {
		return "", err
	}
	input := append(label("object", r.Tenant, p.Instance, p.Type, strconv.Itoa(r.Canonicalization)), p.Canonical...)
	if p.OfSubject {
		if input, err = r.secret(p); err != nil {
			return "", err
		}
	}
	digest, err := cmac.ComputePRF(input, 16)
	if err != nil {
		return "", err
	}
	text := base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(digest)
	return p.Type + "_" + epoch + "_" + strings.ToLower(text), nil
}

type sealed struct {
	Owner  pseudonym       `json:"owner"`
	Class  string          `json:"class"`
	Path   string          `json:"path,omitempty"`
	Kind   string          `json:"kind"`
	Text   string          `json:"text"`
	Sealed string          `json:"sealed"`
	Keyset json.RawMessage `json:"keyset,omitempty"`
}

// plaintext is kind ‖ length ‖ text ‖ zeros up to a multiple of 32.
func (s *sealed) plaintext() []byte {
	b := append(binary.AppendUvarint([]byte(s.Kind), uint64(len(s.Text))), s.Text...)
	for len(b)%32 != 0 {
		b = append(b, 0)
	}
	return b
}

// seal checks that the exported keyset holds the key that the field master gives, opens the seal and makes another.
func (r *ring) seal(s *sealed) (again string, err error) {
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(s.Keyset)))
	if err != nil {
		return "", err
	}
	a, err := aead.New(h)
	if err != nil {
		return "", err
	}
	_, field, _, err := r.epoch(s.Owner.Recipient, s.Owner.Epoch)
	if err != nil {
		return "", err
	}
	secret, err := r.secret(&s.Owner)
	if err != nil {
		return "", err
	}
	key, err := field.ComputePrimaryPRF(append(label("field", s.Owner.Type), secret...), 32)
	if err != nil {
		return "", err
	}
	material := insecurecleartextkeyset.KeysetMaterial(h)
	if value := material.GetKey()[0].GetKeyData().GetValue(); !bytes.HasSuffix(value, key) || material.GetPrimaryKeyId() != field.PrimaryID {
		return "", errors.New("the exported key is not the derived one")
	}
	ad := label("seal", s.Owner.Recipient, strconv.Itoa(s.Owner.Epoch), s.Class, s.Path, s.Owner.Pseudonym)
	wire, err := base64.RawURLEncoding.DecodeString(s.Sealed)
	if err != nil {
		return "", err
	}
	got, err := a.Decrypt(wire, ad)
	if err != nil || !bytes.Equal(got, s.plaintext()) {
		return "", errors.Join(err, errors.New("it does not open to the value"))
	}
	wire, err = a.Encrypt(s.plaintext(), ad)
	return base64.RawURLEncoding.EncodeToString(wire), err
}

func (r *ring) deterministic(s *sealed) (again string, err error) {
	_, _, d, err := r.epoch(s.Owner.Recipient, s.Owner.Epoch)
	if err != nil {
		return "", err
	}
	ad := label("deterministic", s.Owner.Recipient, strconv.Itoa(s.Owner.Epoch), s.Class)
	wire, err := base64.RawURLEncoding.DecodeString(s.Sealed)
	if err != nil {
		return "", err
	}
	got, err := d.DecryptDeterministically(wire, ad)
	if err != nil || !bytes.Equal(got, s.plaintext()) {
		return "", errors.Join(err, errors.New("it does not open to the value"))
	}
	wire, err = d.EncryptDeterministically(s.plaintext(), ad)
	return base64.RawURLEncoding.EncodeToString(wire), err
}

type quarantined struct {
	Day    string `json:"day"`
	AD     []byte `json:"ad"`
	Clear  []byte `json:"clear"`
	Sealed []byte `json:"sealed"`
}

func (r *ring) quarantine(q *quarantined) (again []byte, err error) {
	for _, d := range r.Quarantine {
		if d.Day != q.Day {
			continue
		}
		kek, err := r.ownKEK(d.KEK, "", d.Day)
		if err != nil {
			return nil, err
		}
		h, err := r.unwrap(d.Keyset, kek, "quarantine", "", d.Day)
		if err != nil {
			return nil, err
		}
		a, err := aead.New(h)
		if err != nil {
			return nil, err
		}
		got, err := a.Decrypt(q.Sealed, q.AD)
		if err != nil || !bytes.Equal(got, q.Clear) {
			return nil, errors.Join(err, errors.New("it does not open to the record"))
		}
		return a.Encrypt(q.Clear, q.AD)
	}
	return nil, fmt.Errorf("no day %s", q.Day)
}

func verify(dir, sent, reply string) error {
	r, err := openRing(dir)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(sent)
	if err != nil {
		return err
	}
	var x struct {
		Pseudonyms    []pseudonym `json:"pseudonyms"`
		Seals         []sealed    `json:"seals"`
		Deterministic []sealed    `json:"deterministic"`
		Quarantine    quarantined `json:"quarantine"`
	}
	if err := json.Unmarshal(data, &x); err != nil {
		return err
	}
	for i := range x.Pseudonyms {
		p := &x.Pseudonyms[i]
		got, err := r.pseudonym(p)
		if err != nil || got != p.Pseudonym {
			return fmt.Errorf("pseudonym %d: got %s, want %s: %w", i, got, p.Pseudonym, errors.Join(err, errors.New("not the same")))
		}
	}
	for i := range x.Seals {
		if x.Seals[i].Sealed, err = r.seal(&x.Seals[i]); err != nil {
			return fmt.Errorf("seal %d: %w", i, err)
		}
	}
	for i := range x.Deterministic {
		if x.Deterministic[i].Sealed, err = r.deterministic(&x.Deterministic[i]); err != nil {
			return fmt.Errorf("deterministic seal %d: %w", i, err)
		}
	}
	if x.Quarantine.Sealed, err = r.quarantine(&x.Quarantine); err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	if data, err = json.MarshalIndent(&x, "", "  "); err != nil {
		return err
	}
	fmt.Printf("tinkv1: recomputed %d pseudonyms, opened %d seals, %d deterministic seals and a quarantine record\n", len(x.Pseudonyms), len(x.Seals), len(x.Deterministic))
	return os.WriteFile(reply, data, 0o600)
}
