// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/nymstream/nymstream/internal/detect/names"
	"github.com/nymstream/nymstream/internal/detect/span"
)

// count is what was found of a source's names, and what is right of the findings.
type count struct{ names, hit, found, right int }

func (c count) precision() float64 { return float64(c.right) / float64(max(c.found, 1)) }
func (c count) recall() float64    { return float64(c.hit) / float64(max(c.names, 1)) }

// biases are the settings of the recall knob that are measured.
var biases = []float32{-1, -.5, 0, .5, .8, 1, 2}

// metrics are counts by bias and source, and how sure the model was of findings that are right or not.
type metrics struct {
	counts []map[string]count
	odds   []float64 // of findings at the largest bias but one, by the model alone
	right  []bool
	show   string
}

func newMetrics(show string) *metrics {
	m := &metrics{show: show}
	for range biases {
		m.counts = append(m.counts, map[string]count{})
	}
	return m
}

// wide is a calibration under which no score is as low as a half, where scores end: the log odds can be had back from them.
var wide = struct{ slope, offset float32 }{.25, 4}

// add measures on held-out samples: a name is hit when 80 % of it is covered, a finding right when half of it lies in names.
func (m *metrics) add(n *names.Tagger, held []sample) {
	var t span.Text
	var found []span.Found
	for b, bias := range biases {
		tagger := n.WithRecall(bias)
		for i := range held {
			s := &held[i]
			t.Reset(s.text, false)
			found = tagger.Find(found[:0], &t)
			ranges := make([]stretch, len(found))
			for k, f := range found {
				ranges[k] = stretch{f.Start, f.End}
				if b == len(biases)-2 && f.Reason == span.Model && !s.made {
					odds := math.Log(float64(f.Score) / (1 - float64(f.Score)))
					m.odds = append(m.odds, (odds-float64(wide.offset))/float64(wide.slope))
					m.right = append(m.right, right(ranges[k], s))
				}
			}
			m.note(b, s, ranges)
		}
	}
}

// right reports whether half of a finding lies in names.
func right(r stretch, s *sample) bool { return 2*covered(r, s.names) >= r.end-r.start }

func (m *metrics) note(b int, s *sample, found []stretch) {
	c := m.counts[b][s.source]
	show := s.source == m.show && biases[b] == 0
	for _, name := range s.names {
		c.names++
		if 10*covered(name, found) >= 8*(name.end-name.start) {
			c.hit++
		} else if show {
			fmt.Printf("missed %q in %q\n", s.text[name.start:name.end], s.text)
		}
	}
	for _, r := range found {
		c.found++
		if right(r, s) {
			c.right++
		} else if show {
			fmt.Printf("wrong %q in %q\n", s.text[r.start:r.end], s.text)
		}
	}
	m.counts[b][s.source] = c
}

// covered is how many bytes of s lie in others, which do not overlap.
func covered(s stretch, others []stretch) (n int) {
	for _, o := range others {
		n += max(0, min(s.end, o.end)-max(s.start, o.start))
	}
	return n
}

// table prints precision and recall of all folds together.
func (m *metrics) table() string {
	var out strings.Builder
	fmt.Fprintf(&out, "Precision/recall on held-out folds (%d), by bias\n%-18s%6s", folds, "source", "names")
	for _, b := range biases {
		fmt.Fprintf(&out, "%13.1f", b)
	}
	out.WriteByte('\n')
	for _, source := range sorted(m.counts[0]) {
		fmt.Fprintf(&out, "%-18s%6d", source, m.counts[0][source].names)
		for b := range biases {
			c := m.counts[b][source]
			fmt.Fprintf(&out, "   %.3f/%.3f", c.precision(), c.recall())
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// calibration fits a logistic curve from the model's log odds to the share of right findings, by Newton's method.
func (m *metrics) calibration() (slope, offset float64) {
	slope = 1
	for range 30 {
		var g0, g1, h00, h01, h11 float64
		for i, x := range m.odds {
			p := 1 / (1 + math.Exp(-slope*x-offset))
			d, w := -p, p*(1-p)
			if m.right[i] {
				d++
			}
			g0, g1 = g0+d, g1+d*x
			h00, h01, h11 = h00+w, h01+w*x, h11+w*x*x
		}
		det := h00*h11 - h01*h01
		if det < 1e-9 {
			break
		}
		offset += (h11*g0 - h01*g1) / det
		slope += (h00*g1 - h01*g0) / det
	}
	return slope, offset
}
