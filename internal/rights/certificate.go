// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nymstream/nymstream/internal/keyring"
)

const certificateVersion = 1

// Certificate says what was erased, who was told, and what remains until when. It holds no identifier and no pseudonym.
type Certificate struct {
	V           int         `json:"v"`
	ID          string      `json:"id"`
	Issued      string      `json:"issued"` // times are RFC 3339
	Tenant      string      `json:"tenant"`
	Keyring     string      `json:"keyring"`
	RequestedBy string      `json:"requested_by"`
	Reason      Reason      `json:"reason"`
	Ground      string      `json:"ground,omitempty"`
	DryRun      bool        `json:"dry_run,omitempty"` // nothing was done, and nothing is signed
	Erased      []ErasedRow `json:"erased"`
	Recipients  []Told      `json:"recipients"`
	Remains     []Remainder `json:"remains"`
	LedgerTopic string      `json:"ledger_topic"`

	// Signed is the certificate in its envelope, as VerifyCertificate takes it; nil with DryRun.
	Signed []byte `json:"-"`
}

// ErasedRow is one row of a person's.
type ErasedRow struct {
	SubjectHash string `json:"subject_hash"` // as the audit log has it
	Type        string `json:"type,omitempty"`
	Generation  uint32 `json:"generation"` // of the tombstone
	ErasedAt    string `json:"erased_at"`
	Partition   int32  `json:"ledger_partition"`
	Offset      int64  `json:"ledger_offset"`
}

// Remainder is what an erasure leaves behind, and when it ends.
type Remainder struct {
	What      string `json:"what"`
	Recipient string `json:"recipient,omitempty"`
	Epoch     int    `json:"epoch,omitempty"`
	Until     string `json:"until,omitempty"` // RFC 3339; "": until its keys are destroyed by command
}

// envelope is a signed certificate: Ed25519 (RFC 8032) over certificateLabel and the bytes of certificate.
type envelope struct {
	Certificate json.RawMessage `json:"certificate"`
	Signature   []byte          `json:"signature"`
	KeyID       string          `json:"key_id"` // JWK thumbprint (RFC 7638)
}

const certificateLabel = "nymstream erasure certificate v1\n"

// ErrCertificate means a certificate that none of the keys signed as it is.
var ErrCertificate = errors.New("certificate is not genuine, or was changed")

// VerifyCertificate reads a signed certificate, to the byte as it was issued.
func VerifyCertificate(signed []byte, keys []keyring.PublicKey) (Certificate, error) {
	var e envelope
	var c Certificate
	if json.Unmarshal(signed, &e) != nil {
		return c, ErrCertificate
	}
	if again, err := json.Marshal(e); err != nil || !bytes.Equal(again, signed) {
		return c, ErrCertificate
	}
	i := slices.IndexFunc(keys, func(k keyring.PublicKey) bool { return k.ID == e.KeyID })
	if i < 0 || !keys[i].Verify(append([]byte(certificateLabel), e.Certificate...), e.Signature) {
		return c, ErrCertificate
	}
	if err := json.Unmarshal(e.Certificate, &c); err != nil {
		return c, fmt.Errorf("certificate: %w", err)
	}
	if c.V != certificateVersion {
		return c, ErrFormat
	}
	c.Signed = signed
	return c, nil
}

func (c *Certificate) sign(by *keyring.Signer) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	signature := by.Sign(append([]byte(certificateLabel), raw...))
	c.Signed, err = json.Marshal(envelope{raw, signature, by.Public().ID})
	return err
}

// certificate says what erasures came to.
func (s *Service) certificate(o *Erasure, all []*receipt, handedOver int) Certificate {
	c := Certificate{
		V: certificateVersion, ID: rand.Text(), Issued: stamp(s.nowMs()), Tenant: s.Keys.Tenant(), Keyring: s.Keys.ID(),
		RequestedBy: o.By.Name, Reason: o.Reason, Ground: o.Ground, DryRun: o.DryRun, Recipients: merge(all), LedgerTopic: s.LedgerTopic,
	}
	for _, rec := range all {
		e := &rec.Entry
		c.Erased = append(c.Erased, ErasedRow{s.SubjectHash(e.Key), e.Type, e.Generation, stamp(e.ErasedAt), rec.Partition, rec.Offset})
	}
	c.Remains = s.remains(c.Recipients, handedOver)
	return c
}

// remains lists what stays after an erasure of now.
func (s *Service) remains(told []Told, handedOver int) (all []Remainder) {
	now := s.Now()
	for _, e := range s.Keys.List(now) {
		if e.Role == keyring.RoleStore && e.Status != keyring.Destroyed && e.Status != keyring.Upcoming {
			all = append(all, Remainder{What: "store epoch " + strconv.Itoa(e.Epoch) + ": sealed secrets in the store's files and backups", Until: stamp(now.Add(s.StoreLife).UnixMilli())})
		}
	}
	plan := s.Plan()
	for _, e := range s.Keys.List(now) {
		if e.Role != keyring.RoleDomain || e.Status == keyring.Destroyed || e.Status == keyring.Upcoming {
			continue
		}
		r := Remainder{What: "pseudonyms of things such as posts, deterministic seals and format-preserving encryption", Recipient: e.Recipient, Epoch: e.Epoch}
		if !e.To.IsZero() {
			until := e.To
			if to := recipient(plan, e.Recipient); to != nil {
				until = until.Add(to.Overlap)
			}
			r.Until = stamp(until.UnixMilli())
		}
		all = append(all, r)
	}
	for _, t := range told {
		if to := recipient(plan, t.Name); to != nil && t.Pseudonyms > 0 {
			all = append(all, Remainder{What: "records published before, from which nothing leads to the person", Recipient: t.Name, Until: stamp(now.Add(to.Retention).UnixMilli())})
		}
	}
	if handedOver > 0 {
		all = append(all, Remainder{What: fmt.Sprintf("%d handles that are another account's now", handedOver)})
	}
	return all
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
