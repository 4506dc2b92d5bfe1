// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect"
	"github.com/nymstream/nymstream/internal/detect/names"
)

// DetectorOptions are what a person says of a Detector.
type DetectorOptions struct {
	Field    bool // lines are bare values of fields
	Markup   string
	Names    string // none, balanced, wide
	MinScore float32
}

// NewDetector makes a detector of all kinds.
func NewDetector(o DetectorOptions) (*detect.Detector, detect.Markup, error) {
	m, err := detect.ParseMarkup(o.Markup)
	if err != nil {
		return nil, m, err
	}
	options := detect.Options{Field: o.Field, MinScore: o.MinScore}
	tagger, err := names.Of(o.Names)
	if err != nil {
		return nil, m, err
	}
	if tagger != nil {
		options.Names = tagger
	}
	d, err := detect.New(options)
	return d, m, err
}

// DetectOptions say in what personal data is looked for, and how it is told.
type DetectOptions struct {
	Detector *detect.Detector
	Markup   detect.Markup
	In       io.Reader
	Out      io.Writer
	JSON     bool // a line of JSON for each text
	Show     bool // not only where something is, but what it is
	MaxBytes int  // of a line; default 10 MiB
}

// detectedText is one text of the input. Only one that came as JSON has an id.
type detectedText struct {
	ID   json.RawMessage `json:"id"`
	Text *string         `json:"text"`
}

// Detect looks for personal data in every line: a text, or an object with a text and, if it has one, an id. It tells spans in
// code points. Lines that are too long are not searched: the error names the first.
func Detect(ctx context.Context, o DetectOptions) (found int, err error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = 10 << 20
	}
	scanner, lines, out := o.Detector.Scanner(), newLineReader(o.In, o.MaxBytes), bufio.NewWriter(o.Out)
	defer func() { err = errors.Join(err, out.Flush()) }()
	for n := 1; ctx.Err() == nil; n++ {
		line, err := lines.next()
		switch {
		case errors.Is(err, io.EOF):
			return found, nil
		case err != nil:
			return found, fmt.Errorf("read input: %w", err)
		case len(line) > o.MaxBytes:
			return found, fmt.Errorf("line %d has more than %d bytes", n, o.MaxBytes)
		}
		t := detectedText{ID: strconv.AppendInt(nil, int64(n), 10)}
		text := line
		if len(line) > 0 && line[0] == '{' && json.Unmarshal(line, &t) == nil && t.Text != nil {
			text = []byte(*t.Text)
		}
		findings := scanner.Find(text, o.Markup)
		found += len(findings)
		if o.JSON {
			err = writeFindings(out, t.ID, text, findings)
		} else {
			err = printFindings(out, n, text, findings, o.Show)
		}
		if err != nil {
			return found, err
		}
	}
	return found, ctx.Err()
}

// writeFindings writes {"id": …, "p": [[start, end, label, subtype, score], …]}.
func writeFindings(out io.Writer, id json.RawMessage, text []byte, findings []detect.Finding) error {
	spans := make([][]any, len(findings))
	points := codePoints{text: text}
	for i, f := range findings {
		start, end := points.at(f.Start), points.at(f.End)
		spans[i] = []any{start, end, f.Kind.Label(), f.Subtype, math.Round(float64(f.Score)*1000) / 1000}
	}
	line, err := json.Marshal(struct {
		ID json.RawMessage `json:"id"`
		P  [][]any         `json:"p"`
	}{id, spans})
	if err == nil {
		_, err = out.Write(append(line, '\n'))
	}
	return err
}

func printFindings(out io.Writer, line int, text []byte, findings []detect.Finding, show bool) error {
	points := codePoints{text: text}
	for _, f := range findings {
		start, end := points.at(f.Start), points.at(f.End)
		what := ""
		if show {
			what = fmt.Sprintf("  %q", text[f.Start:f.End])
		}
		subtype := f.Subtype
		if subtype != "" {
			subtype = " " + subtype
		}
		if _, err := fmt.Fprintf(out, "%d:%d-%d  %s%s  %.2f  %s%s\n", line, start, end, f.Kind, subtype, f.Score, f.Reason, what); err != nil {
			return err
		}
	}
	return nil
}

// codePoints counts the code points before a byte; bytes are asked for in ascending order.
type codePoints struct {
	text        []byte
	byte, point int
}

func (c *codePoints) at(b int) int {
	if b < c.byte {
		c.byte, c.point = 0, 0
	}
	c.point += utf8.RuneCount(c.text[c.byte:b])
	c.byte = b
	return c.point
}
