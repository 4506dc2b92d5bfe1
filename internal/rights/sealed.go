// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/subject"
)

// sealedFormat is the first byte of what seal makes: format ‖ store epoch, a uvarint ‖ sealed JSON.
const sealedFormat = 1

// ErrFormat means a row or message that a newer release wrote.
var ErrFormat = fmt.Errorf("unknown format; run the release that wrote it: %w", event.ErrFatal)

// ErrDamaged means a row that does not read.
var ErrDamaged = fmt.Errorf("row is damaged; restore the store from a backup: %w", event.ErrFatal)

// seal makes a row's bytes of a value: JSON under the newest store epoch, bound to the row. A stolen store tells nothing of it.
func (s *Service) seal(use string, key subject.Key, v any) ([]byte, error) {
	k := s.Keys.StoreEpoch()
	if k == nil {
		return nil, fmt.Errorf("the keyring has no store epoch; extend it: %w", keyring.ErrNoKey)
	}
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dst := binary.AppendUvarint([]byte{sealedFormat}, uint64(k.Epoch()))
	return k.Seal(dst, plain, sealPlace(use, key)), nil
}

// open is the inverse of seal. keyring.ErrDestroyed means that the store epoch is gone, and what was sealed in it lost.
func (s *Service) open(use string, key subject.Key, sealed []byte, v any) error {
	if len(sealed) == 0 || sealed[0] != sealedFormat {
		return ErrFormat
	}
	epoch, n := binary.Uvarint(sealed[1:])
	if n <= 0 || epoch > 1<<31 {
		return ErrDamaged
	}
	k, err := s.Keys.StoreKeyOf(int(epoch))
	if err != nil {
		return fmt.Errorf("store epoch %d: %w", epoch, err)
	}
	plain, err := k.Open(nil, sealed[1+n:], sealPlace(use, key))
	if err != nil {
		return fmt.Errorf("%s row: %w: %w", use, err, ErrDamaged)
	}
	if err := json.Unmarshal(plain, v); err != nil {
		return ErrDamaged // the reason could quote what is sealed
	}
	return nil
}

// sealedIn gives the store epoch that something was sealed in; 0: none.
func sealedIn(sealed []byte) int {
	if len(sealed) < 2 {
		return 0
	}
	epoch, n := binary.Uvarint(sealed[1:])
	if n <= 0 || epoch > 1<<31 {
		return 0
	}
	return int(epoch)
}

func sealPlace(use string, key subject.Key) []byte {
	return keyring.AppendLabel(nil, "rights "+use, string(key[:]))
}
