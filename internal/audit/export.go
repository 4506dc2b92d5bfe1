// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/transparency-dev/merkle/proof"
)

// exportLine is a line of an export. With proofs the first has only the checkpoint that they lead to.
type exportLine struct {
	Checkpoint string          `json:"checkpoint,omitempty"`
	Index      *uint64         `json:"index,omitempty"`
	Entry      json.RawMessage `json:"entry,omitempty"`
	Proof      [][]byte        `json:"proof,omitempty"` // RFC 6962 audit path, from the leaf up, in base64; none for a log's only entry
}

// Export writes the chosen entries as JSON Lines, each with its index. With proofs, whoever has the public key can check each of them
// without the log: by CheckExport, or by any RFC 6962 verifier over the entry's bytes.
func Export(ctx context.Context, w io.Writer, dir string, f Filter, proofs bool) error {
	text, err := Checkpoint(dir)
	if err != nil {
		return err
	}
	size, err := statedSize(text)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	prover := newProver(dir, size)
	if proofs {
		if err := writeLine(out, exportLine{Checkpoint: text}); err != nil {
			return err
		}
	}
	for item, err := range showUpTo(ctx, dir, f, size) {
		if err != nil {
			return err
		}
		line := exportLine{Index: &item.Index, Entry: item.Raw}
		if proofs {
			if line.Proof, err = prover.inclusion(item.Index); err != nil {
				return fmt.Errorf("audit export: entry %d: %w; run `nymstream audit verify`", item.Index, err)
			}
		}
		if err := writeLine(out, line); err != nil {
			return err
		}
	}
	return out.Flush()
}

func writeLine(w io.Writer, line exportLine) error {
	raw, err := canonical(line)
	if err != nil {
		return err
	}
	_, err = w.Write(append(raw, '\n'))
	return err
}

// CheckExport verifies an export with proofs: that its checkpoint is signed by one of the keys, and that each entry was in the log
// at its index. It gives the log's origin and the number of entries; which entries were left out, no proof can tell.
func CheckExport(r io.Reader, keys []ed25519.PublicKey) (origin string, entries int, err error) {
	in := bufio.NewReader(r)
	var first exportLine
	if err := readLine(in, &first); err != nil || first.Checkpoint == "" {
		return "", 0, errors.New("audit export: line 1 has no checkpoint: it was written without proofs")
	}
	origin = originOf(first.Checkpoint)
	known, err := verifiers(origin, keys)
	if err != nil {
		return "", 0, fmt.Errorf("audit export: %w", err)
	}
	cp, err := openCheckpoint(first.Checkpoint, known)
	if err != nil {
		return "", 0, fmt.Errorf("audit export: the checkpoint: %w", err)
	}
	for ; ; entries++ {
		var line exportLine
		err := readLine(in, &line)
		if errors.Is(err, io.EOF) {
			return origin, entries, nil
		}
		if err != nil || line.Index == nil || len(line.Entry) == 0 || line.Checkpoint != "" {
			return origin, entries, fmt.Errorf("audit export: line %d is no entry with a proof", entries+2)
		}
		if err := proof.VerifyInclusion(hasher, *line.Index, cp.Size, hasher.HashLeaf(line.Entry), line.Proof, cp.Hash); err != nil {
			return origin, entries, fmt.Errorf("audit export: line %d: the entry is not the one at index %d of the signed log", entries+2, *line.Index)
		}
	}
}

func readLine(in *bufio.Reader, line *exportLine) error {
	raw, err := in.ReadBytes('\n')
	if err != nil && len(raw) == 0 {
		return err
	}
	return strict(bytes.TrimSuffix(raw, []byte("\n")), line)
}
