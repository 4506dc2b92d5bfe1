// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/subject"
)

const (
	historyName    = "policy history" // the row of the store that holds it
	historyVersion = 1
	mostChanges    = 200 // lines of the history
	mostTexts      = 20  // policies whose text is kept
	historyRounds  = 32  // how often the row is tried before it counts as contended
)

// PlanChange is a line of the history: an instance put a plan to work.
type PlanChange struct {
	At       time.Time `json:"at"`
	Plan     string    `json:"plan"` // its hash, hexadecimal
	Instance string    `json:"instance"`
	By       string    `json:"by,omitempty"` // who sent it, where that is known
	Why      string    `json:"why"`
	Kept     bool      `json:"kept,omitempty"` // the policy's text is kept: `policy rollback` can put it back
}

// history is what the store keeps of plans that were at work, the oldest first.
type history struct {
	V       int          `json:"v"`
	Changes []PlanChange `json:"changes"`
}

func parseHistory(body []byte) (h history, err error) {
	if len(body) == 0 {
		return history{V: historyVersion}, nil
	}
	if json.Unmarshal(body, &h) != nil || h.V != historyVersion {
		return h, fmt.Errorf("the history of policies is of another release, or damaged: %w", event.ErrFatal)
	}
	return h, nil
}

// latest gives the newest line of an instance; nil: it has none.
func (h *history) latest(instance string) *PlanChange {
	for i := len(h.Changes) - 1; i >= 0; i-- {
		if h.Changes[i].Instance == instance {
			return &h.Changes[i]
		}
	}
	return nil
}

// plans gives the distinct plans, the newest first.
func (h *history) plans() (all []string) {
	for _, c := range slices.Backward(h.Changes) {
		if !slices.Contains(all, c.Plan) {
			all = append(all, c.Plan)
		}
	}
	return all
}

func (h *history) add(c PlanChange) {
	h.Changes = append(h.Changes, c)
	h.Changes = h.Changes[max(0, len(h.Changes)-mostChanges):]
}

// remember adds a line to the history, and keeps the text of the policy. Lines beyond mostChanges go, and texts beyond mostTexts.
// A line that says what the instance's newest one says is not added where repeats are left out.
func remember(ctx context.Context, store subject.Store, c PlanChange, text []byte, leaveOutRepeats bool) error {
	if err := keepText(ctx, store, c.Plan, text); err != nil { // first: the history promises nothing that is not there
		return err
	}
	rows := []subject.Row{{Key: subject.MetaKey(historyName)}}
	if err := store.Load(ctx, subject.Meta, rows); err != nil {
		return err
	}
	for range historyRounds {
		h, err := parseHistory(rows[0].Body)
		if err != nil {
			return err
		}
		if last := h.latest(c.Instance); leaveOutRepeats && last != nil && last.Plan == c.Plan {
			return nil
		}
		before := h.plans()
		h.add(c)
		if rows[0].Body, err = json.Marshal(h); err != nil {
			return err
		}
		lost, err := store.Swap(ctx, subject.Meta, rows)
		if err != nil {
			return err
		}
		if len(lost) == 0 {
			return dropTexts(ctx, store, before, h.plans())
		}
	}
	return fmt.Errorf("others change the history of policies all the time: %w", event.ErrTransient)
}

func textKey(plan string) subject.Key { return subject.MetaKey("policy text " + plan) }

func keepText(ctx context.Context, store subject.Store, plan string, text []byte) error {
	rows := []subject.Row{{Key: textKey(plan)}}
	if err := store.Load(ctx, subject.Meta, rows); err != nil {
		return err
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	rows[0].Body = packed.Bytes()
	_, err := store.Swap(ctx, subject.Meta, rows) // who lost has a text of the same plan
	return err
}

// dropTexts deletes the texts of plans that were among the newest, and are not any more.
func dropTexts(ctx context.Context, store subject.Store, before, now []string) error {
	kept := now[:min(len(now), mostTexts)]
	for _, plan := range before {
		if slices.Contains(kept, plan) {
			continue
		}
		rows := []subject.Row{{Key: textKey(plan)}}
		if err := store.Load(ctx, subject.Meta, rows); err != nil {
			return err
		}
		if rows[0].Version == 0 {
			continue
		}
		if _, err := store.Commit(ctx, []subject.Change{{Space: subject.Meta, Row: subject.Row{Key: rows[0].Key, Version: rows[0].Version}}}); err != nil {
			return err
		}
	}
	return nil
}

// readHistory gives the history, and of which plans the text is kept.
func readHistory(ctx context.Context, store subject.Store) (h history, err error) {
	rows := []subject.Row{{Key: subject.MetaKey(historyName)}}
	if err := store.Load(ctx, subject.Meta, rows); err != nil {
		return h, err
	}
	if h, err = parseHistory(rows[0].Body); err != nil {
		return h, err
	}
	plans := h.plans()
	texts := make([]subject.Row, len(plans))
	for i, plan := range plans {
		texts[i].Key = textKey(plan)
	}
	if err := store.Load(ctx, subject.Meta, texts); err != nil {
		return h, err
	}
	for i := range h.Changes {
		h.Changes[i].Kept = texts[slices.Index(plans, h.Changes[i].Plan)].Version > 0
	}
	return h, nil
}

// policyText gives the text of a policy that was at work.
func policyText(ctx context.Context, store subject.Store, plan string) ([]byte, error) {
	rows := []subject.Row{{Key: textKey(plan)}}
	if err := store.Load(ctx, subject.Meta, rows); err != nil {
		return nil, err
	}
	if rows[0].Version == 0 {
		return nil, no("the text of this plan is not kept; `nymstream policy history` says of which it is")
	}
	r, err := gzip.NewReader(bytes.NewReader(rows[0].Body))
	if err != nil {
		return nil, errDamagedText
	}
	text, err := io.ReadAll(io.LimitReader(r, maxPushed+1))
	if err != nil || len(text) > maxPushed {
		return nil, errDamagedText
	}
	return text, nil
}

var errDamagedText = errors.New("the text of this plan is damaged in the store")

// planSum is a plan's hash as instances tell it to each other.
func planSum(hash string) (sum [32]byte) {
	_, _ = hex.Decode(sum[:], []byte(hash)) // it is one
	return sum
}
