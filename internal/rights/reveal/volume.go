// SPDX-License-Identifier: Apache-2.0

package reveal

import (
	"context"
	"errors"
	"fmt"

	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/subject"
)

// Limits of what is asked for within 24 hours. Sealed values count as pseudonyms; spans count as requests, and their pseudonyms do not.
type Limits struct {
	Requests, Pseudonyms       int // of one requester; default 20 and 1000
	AllRequests, AllPseudonyms int // of all together; default five times those of one
}

func (l Limits) orDefault() Limits {
	for _, d := range []struct {
		limit *int
		value int
	}{{&l.Requests, 20}, {&l.Pseudonyms, 1000}} {
		if *d.limit <= 0 {
			*d.limit = d.value
		}
	}
	if l.AllRequests <= 0 {
		l.AllRequests = 5 * l.Requests
	}
	if l.AllPseudonyms <= 0 {
		l.AllPseudonyms = 5 * l.Pseudonyms
	}
	return l
}

const (
	meanDays   = 30
	timesMean  = 3
	quietCount = 10 // pseudonyms within 24 hours that are never unusual
)

// volume is what was asked for within the last 31 days.
type volume struct {
	Asked []asked `json:"asked"`

	row subject.Row
}

type asked struct {
	At    int64 `json:"at"`
	Count int   `json:"n"` // pseudonyms that count
}

// within gives what was asked for within 24 hours before now.
func (v *volume) within(now int64) (requests, pseudonyms int) {
	for _, a := range v.Asked {
		if now-a.At < day.Milliseconds() {
			requests++
			pseudonyms += a.Count
		}
	}
	return requests, pseudonyms
}

// mean gives the pseudonyms a day, of the 30 days before the last 24 hours, counting days on which there were any; 0: none.
func (v *volume) mean(now int64) float64 {
	sum := 0
	active := map[int64]bool{}
	for _, a := range v.Asked {
		if ago := (now - a.At) / day.Milliseconds(); ago >= 1 && ago <= meanDays && a.Count > 0 {
			active[ago] = true
			sum += a.Count
		}
	}
	if sum == 0 {
		return 0
	}
	return float64(sum) / float64(len(active))
}

// volumes are those that a requester adds to: their own, and everybody's.
type volumes struct{ own, all *volume }

func (s *Service) volumes(ctx context.Context, by Actor) (*volumes, error) {
	own, err := s.volume(ctx, "of "+folded(by.Name))
	if err != nil {
		return nil, err
	}
	all, err := s.volume(ctx, "all")
	return &volumes{own, all}, err
}

func (s *Service) volume(ctx context.Context, name string) (*volume, error) {
	v := new(volume)
	row, err := s.loadRow(ctx, subject.Requests, rowKey(useVolume, name))
	if err == nil && row.Version > 0 {
		if err = s.open(useVolume, &row, v); errors.Is(err, keyring.ErrDestroyed) {
			v, err = new(volume), nil // older than a store epoch's end, or destroying it is what begins it anew
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read how much was asked for: %w", err)
	}
	v.row = row
	return v, nil
}

// counted gives the pseudonyms of a request that count.
func (r *request) counted() int {
	if r.Span != nil {
		return 0
	}
	return r.Count
}

// over names the limit that a request would exceed, or "".
func (v *volumes) over(l *Limits, r *request) string {
	for _, of := range []struct {
		v                    *volume
		requests, pseudonyms int
		who                  string
	}{{v.own, l.Requests, l.Pseudonyms, "one requester's"}, {v.all, l.AllRequests, l.AllPseudonyms, "everybody's"}} {
		requests, pseudonyms := of.v.within(r.At)
		switch {
		case requests+1 > of.requests:
			return fmt.Sprintf("%s limit is %d requests in 24 hours", of.who, of.requests)
		case pseudonyms+r.counted() > of.pseudonyms:
			return fmt.Sprintf("%s limit is %d pseudonyms in 24 hours", of.who, of.pseudonyms)
		}
	}
	return ""
}

// unusual tells whether a request takes its requester above three times their mean, or asks for more in a span than the limit is.
func (v *volumes) unusual(l *Limits, r *request) bool {
	if r.Span != nil {
		return r.Count > l.Pseudonyms
	}
	_, pseudonyms := v.own.within(r.At)
	pseudonyms += r.counted()
	return pseudonyms > quietCount && float64(pseudonyms) > timesMean*v.own.mean(r.At)
}

// volumeChanges add a request to volumes. What is too old to count goes.
func (s *Service) volumeChanges(v *volumes, r *request) (changes []subject.Change, err error) {
	for _, one := range []*volume{v.own, v.all} {
		grown := volume{}
		for _, a := range one.Asked {
			if r.At-a.At < (meanDays+1)*day.Milliseconds() {
				grown.Asked = append(grown.Asked, a)
			}
		}
		grown.Asked = append(grown.Asked, asked{r.At, r.counted()})
		row := subject.Row{Key: one.row.Key, Version: one.row.Version}
		if row.Body, err = s.seal(useVolume, row.Key, grown); err != nil {
			return nil, err
		}
		changes = append(changes, subject.Change{Space: subject.Requests, Row: row})
	}
	return changes, nil
}
