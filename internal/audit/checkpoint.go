// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	tlog "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
)

const (
	checkpointName = "checkpoint"
	keptName       = "checkpoints.log"
	lockName       = "lock"
	stateName      = ".state"
	tileName       = "tile"
)

// Signer signs checkpoints.
type Signer interface {
	// Sign gives the Ed25519 signature of a message (RFC 8032, 64 bytes without prefix).
	Sign(msg []byte) ([]byte, error)
	Public() ed25519.PublicKey
}

// checkpoint is a signed statement of a log's size and root.
type checkpoint struct {
	tlog.Checkpoint
	text string // the signed note, whole
}

// Checkpoint gives a log's newest signed checkpoint, to be kept where the log's writer cannot reach it. It is not verified.
func Checkpoint(dir string) (string, error) {
	f, err := os.Open(filepath.Join(dir, keptName))
	if err != nil {
		return "", fmt.Errorf("audit log: %w", err)
	}
	defer f.Close()
	last, err := (&keptFile{f: f}).readLast()
	if err == nil && last == "" {
		err = errors.New("it has no checkpoint")
	}
	if err != nil {
		return "", fmt.Errorf("audit log %s: %s: %w", dir, keptName, err)
	}
	return last, nil
}

// readPublished gives the file checkpoint.
func readPublished(dir string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(dir, checkpointName))
	return string(raw), err
}

// statedSize reads a checkpoint's second line; nothing is verified.
func statedSize(text string) (uint64, error) {
	_, rest, _ := strings.Cut(text, "\n")
	line, _, _ := strings.Cut(rest, "\n")
	size, err := strconv.ParseUint(line, 10, 64)
	if err != nil {
		return 0, errors.New("audit log: its checkpoint states no size; run `nymstream audit verify`")
	}
	return size, nil
}

// originOf reads the first line of a checkpoint, which is not yet verified.
func originOf(text string) string {
	origin, _, _ := strings.Cut(text, "\n")
	return origin
}

// verifiers finds keys by the names and hashes of signed notes.
func verifiers(origin string, keys []ed25519.PublicKey) (note.Verifiers, error) {
	seen := map[string]bool{}
	var list []note.Verifier
	for _, key := range keys {
		if len(key) != ed25519.PublicKeySize {
			return nil, errors.New("an audit key has no 32 bytes: it is no Ed25519 public key")
		}
		if seen[string(key)] {
			continue
		}
		seen[string(key)] = true
		v, err := noteVerifier(origin, key)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return note.VerifierList(list...), nil
}

func noteVerifier(origin string, key ed25519.PublicKey) (note.Verifier, error) {
	vkey, err := note.NewEd25519VerifierKey(origin, key)
	if err != nil {
		return nil, fmt.Errorf("audit key: %w", err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, errors.New("the origin is no <tenant>/<instance>: no spaces, no plus sign")
	}
	return v, nil
}

// openCheckpoint verifies a checkpoint, and that its bytes are the only spelling of what they say.
func openCheckpoint(text string, known note.Verifiers) (checkpoint, error) {
	n, err := note.Open([]byte(text), known)
	if unverified, ok := errors.AsType[*note.UnverifiedNoteError](err); ok && unverified != nil {
		return checkpoint{}, errors.New("it is signed by none of the keys")
	}
	if err != nil {
		return checkpoint{}, errors.New("its signature is not valid")
	}
	cp := checkpoint{text: text}
	rest, err := cp.Unmarshal([]byte(n.Text))
	if err != nil || len(rest) > 0 || string(cp.Marshal()) != n.Text || len(n.Sigs) != 1 || len(n.UnverifiedSigs) > 0 {
		return checkpoint{}, errors.New("it is no checkpoint with one signature")
	}
	again, err := note.Sign(n)
	if err != nil || text != string(again) || !strictBase64(n.Sigs[0].Base64) {
		return checkpoint{}, errors.New("it is not spelled as a signer spells it")
	}
	return cp, nil
}

// fixedSigner hands out a signature that is already made.
type fixedSigner struct {
	note.Verifier
	sig []byte
}

func (s fixedSigner) Sign([]byte) ([]byte, error) { return s.sig, nil }

// sign makes a note of a checkpoint's text and gives the bare signature with it.
func sign(signer Signer, v note.Verifier, text []byte) (cp checkpoint, sig []byte, err error) {
	if rest, err := cp.Unmarshal(text); err != nil || len(rest) > 0 || !bytes.Equal(cp.Marshal(), text) {
		return checkpoint{}, nil, errors.New("what is to be signed is no checkpoint")
	}
	if sig, err = signer.Sign(text); err != nil {
		return checkpoint{}, nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	if !v.Verify(text, sig) {
		return checkpoint{}, nil, errors.New("sign checkpoint: the signature does not fit the signer's public key")
	}
	signed, err := note.Sign(&note.Note{Text: string(text)}, fixedSigner{v, sig})
	if err != nil {
		return checkpoint{}, nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	cp.text = string(signed)
	return cp, sig, nil
}
