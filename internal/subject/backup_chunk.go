// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"bytes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
)

// A backup is: magic ‖ format 1 ‖ length, 4 bytes ‖ head as JSON ‖ length, 4 bytes ‖ data key, sealed in a store epoch and bound to
// all before it ‖ chunks. A chunk is: 1 if it is the last, else 0 ‖ length, 4 bytes ‖ at most 1 MiB of AES-256-GCM under the data key.
// The nonce is the chunk's number, from 0, big-endian in 12 bytes (NIST SP 800-38D, 8.2.1: the key seals this backup alone); the
// associated data is that number in 8 bytes and the first byte. Lengths are big-endian. So no chunk can be left out, added, moved or
// changed.
const (
	backupMagic  = "nymstream backup\n"
	backupFormat = 1
	chunkTag     = 16               // bytes
	chunkRoom    = 1<<20 - chunkTag // bytes of plaintext
	mostHead     = 1 << 20
)

// ErrBackup means bytes that are no whole backup. ErrBackupFormat and ErrBackupKeyring mean a backup that this process cannot read.
var (
	ErrBackup        = errors.New("backup is damaged, cut short or changed; use another copy")
	ErrBackupFormat  = fmt.Errorf("backup of an unknown format; use the release that wrote it: %w", event.ErrFatal)
	ErrBackupKeyring = fmt.Errorf("backup of another keyring; restore that keyring first: %w", event.ErrFatal)
)

// chunkWriter seals what is written to it. close must be called in the end.
type chunkWriter struct {
	to            io.Writer
	aead          cipher.AEAD
	plain, sealed []byte
	number        uint64
}

// beginBackup writes all that comes before the chunks.
func beginBackup(w io.Writer, h *BackupHead, key *keyring.StoreKey) (*chunkWriter, error) {
	raw, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	var secret [32]byte
	defer clear(secret[:])
	fill(secret[:])
	aead, err := identityAEAD(secret[:])
	if err != nil {
		return nil, err
	}
	begin := append([]byte(backupMagic), backupFormat)
	begin = append(binary.BigEndian.AppendUint32(begin, uint32(len(raw))), raw...)
	sealed := key.Seal(nil, secret[:], backupPlace(begin))
	begin = append(binary.BigEndian.AppendUint32(begin, uint32(len(sealed))), sealed...)
	_, err = w.Write(begin)
	return &chunkWriter{to: w, aead: aead, plain: make([]byte, 0, chunkRoom)}, err
}

// backupPlace is what a backup's data key is bound to.
func backupPlace(begin []byte) []byte {
	sum := sha256.Sum256(begin)
	return keyring.AppendLabel(nil, "backup data key", string(sum[:]))
}

func (c *chunkWriter) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if len(c.plain) == chunkRoom {
			if err := c.flush(0); err != nil {
				return n, err
			}
		}
		part := p[n:min(len(p), n+chunkRoom-len(c.plain))]
		c.plain = append(c.plain, part...)
		n += len(part)
	}
	return n, nil
}

func (c *chunkWriter) flush(last byte) error {
	nonce, ad := chunkPlace(c.number, last)
	c.sealed = binary.BigEndian.AppendUint32(append(c.sealed[:0], last), uint32(len(c.plain)+chunkTag))
	c.sealed = c.aead.Seal(c.sealed, nonce[:], c.plain, ad[:])
	c.plain = c.plain[:0]
	c.number++
	_, err := c.to.Write(c.sealed)
	return err
}

func (c *chunkWriter) close() error { return c.flush(1) }

func chunkPlace(number uint64, last byte) (nonce [nonceSize]byte, ad [9]byte) {
	binary.BigEndian.PutUint64(nonce[nonceSize-8:], number)
	binary.BigEndian.PutUint64(ad[:], number)
	ad[8] = last
	return nonce, ad
}

// chunkReader gives what a chunkWriter sealed, none of it before it was authenticated; io.EOF comes only after the last chunk.
type chunkReader struct {
	from          io.Reader
	aead          cipher.AEAD
	plain, sealed []byte
	number        uint64
	last          bool
}

// openBackup reads all that comes before the chunks.
func openBackup(r io.Reader, keys *keyring.Keyring) (h BackupHead, c *chunkReader, err error) {
	begin := make([]byte, len(backupMagic)+1)
	if err := readBackup(r, begin); err != nil {
		return h, nil, err
	}
	switch {
	case string(begin[:len(backupMagic)]) != backupMagic:
		return h, nil, ErrBackup
	case begin[len(backupMagic)] != backupFormat:
		return h, nil, ErrBackupFormat
	}
	raw, length, err := readSized(r, mostHead)
	if err != nil {
		return h, nil, err
	}
	begin = slices.Concat(begin, length, raw)
	if json.Unmarshal(raw, &h) != nil {
		return h, nil, ErrBackup
	}
	sealed, _, err := readSized(r, mostHead)
	if err != nil {
		return h, nil, err
	}
	if h.Keyring != keys.ID() {
		return h, nil, ErrBackupKeyring
	}
	key, err := keys.StoreKeyOf(h.Epoch)
	if err != nil {
		return h, nil, fmt.Errorf("backup sealed in store epoch %d: %w", h.Epoch, err)
	}
	secret, err := key.Open(nil, sealed, backupPlace(begin))
	if err != nil || len(secret) != 32 {
		return h, nil, ErrBackup
	}
	defer clear(secret)
	aead, err := identityAEAD(secret)
	return h, &chunkReader{from: r, aead: aead}, err
}

func (c *chunkReader) Read(p []byte) (int, error) {
	for len(c.plain) == 0 {
		if c.last {
			return 0, io.EOF
		}
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.plain)
	c.plain = c.plain[n:]
	return n, nil
}

func (c *chunkReader) next() error {
	var head [5]byte
	if err := readBackup(c.from, head[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if head[0] > 1 || size < chunkTag || size > chunkRoom+chunkTag {
		return ErrBackup
	}
	c.sealed = append(c.sealed[:0], make([]byte, size)...)
	if err := readBackup(c.from, c.sealed); err != nil {
		return err
	}
	nonce, ad := chunkPlace(c.number, head[0])
	plain, err := c.aead.Open(c.sealed[:0], nonce[:], c.sealed, ad[:])
	if err != nil {
		return ErrBackup
	}
	c.plain, c.last = plain, head[0] == 1
	c.number++
	if c.last {
		return c.ended()
	}
	return nil
}

// ended refuses bytes after the last chunk.
func (c *chunkReader) ended() error {
	var more [1]byte
	switch _, err := io.ReadFull(c.from, more[:]); {
	case err == nil:
		return ErrBackup
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

// readBackup fills b; an early end is ErrBackup.
func readBackup(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrBackup
	}
	return err
}

// readSized reads bytes after their length, which it gives as it was read.
func readSized(r io.Reader, most uint32) (b, length []byte, err error) {
	length = make([]byte, 4)
	if err := readBackup(r, length); err != nil {
		return nil, nil, err
	}
	n := binary.BigEndian.Uint32(length)
	if n > most {
		return nil, nil, ErrBackup
	}
	var read bytes.Buffer // grows with what is there, not with what the length claims
	switch got, err := io.CopyN(&read, r, int64(n)); {
	case got == int64(n):
		return read.Bytes(), length, nil
	case errors.Is(err, io.EOF):
		return nil, nil, ErrBackup
	default:
		return nil, nil, err
	}
}
