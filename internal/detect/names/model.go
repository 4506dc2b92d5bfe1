// SPDX-License-Identifier: Apache-2.0

package names

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// tag is what a token is: outside of names, the first of one, or inside.
const (
	outside = iota
	begin
	inside
	tags
)

// Model is a linear-chain conditional random field over hashed features: https://en.wikipedia.org/wiki/Conditional_random_field.
// The score of outside is always 0.
type Model struct {
	weights []weight // by bucket
	unit    float32  // what one step of a weight is worth
	steps   [tags][tags]float32
	slope   float32 // from the log odds of a span to those that were right in held-out text
	offset  float32
}

// weight holds the weights of begin and inside.
type weight struct{ begin, inside int8 }

const modelMagic = "nymcrf1\n"

// Trained is a model's parameters as training gives them.
type Trained struct {
	Weights       [][2]float32 // by bucket: begin, inside
	Steps         [3][3]float32
	Slope, Offset float32
}

// Pack rounds the weights to 8 bits, or to 0 below least, and compresses them.
func (m *Trained) Pack(least float32) ([]byte, error) {
	var largest float32
	for _, w := range m.Weights {
		largest = max(largest, abs(w[0]), abs(w[1]))
	}
	unit := largest / 127
	out := []byte(modelMagic)
	out = appendFloats(out, unit, m.Slope, m.Offset)
	for _, row := range m.Steps {
		out = appendFloats(out, row[:]...)
	}
	packed := bytes.NewBuffer(out)
	compressor, err := flate.NewWriter(packed, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	for side := range 2 {
		plane := make([]byte, len(m.Weights))
		for i, w := range m.Weights {
			if abs(w[side]) >= least {
				plane[i] = byte(int8(math.Round(float64(w[side] / unit))))
			}
		}
		if _, err := compressor.Write(plane); err != nil {
			return nil, err
		}
	}
	if err := compressor.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

func abs(x float32) float32 { return max(x, -x) }

func appendFloats(dst []byte, values ...float32) []byte {
	for _, v := range values {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
	}
	return dst
}

var errModel = errors.New("model.bin is damaged: build it anew with `make model`")

// ReadModel reads what Pack made.
func ReadModel(raw []byte) (*Model, error) {
	const head = len(modelMagic) + 4*(3+tags*tags)
	if len(raw) < head || string(raw[:len(modelMagic)]) != modelMagic {
		return nil, errModel
	}
	at := len(modelMagic)
	next := func() float32 {
		at += 4
		return math.Float32frombits(binary.LittleEndian.Uint32(raw[at-4:]))
	}
	m := &Model{weights: make([]weight, 1<<FeatureBits)}
	m.unit, m.slope, m.offset = next(), next(), next()
	for from := range tags {
		for to := range tags {
			m.steps[from][to] = next()
		}
	}
	planes := make([]byte, 2<<FeatureBits)
	if _, err := io.ReadFull(flate.NewReader(bytes.NewReader(raw[head:])), planes); err != nil {
		return nil, fmt.Errorf("%w (%w)", errModel, err)
	}
	for i := range m.weights {
		m.weights[i] = weight{int8(planes[i]), int8(planes[1<<FeatureBits+i])}
	}
	return m, nil
}

// score gives what begin and inside are worth, of a token's features.
func (m *Model) score(features []uint32) (b, in float32) {
	var sums [2]int32
	for _, f := range features {
		w := m.weights[f]
		sums[0] += int32(w.begin)
		sums[1] += int32(w.inside)
	}
	return float32(sums[0]) * m.unit, float32(sums[1]) * m.unit
}
