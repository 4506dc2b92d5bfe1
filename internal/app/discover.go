// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/discover"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/stream"
)

// DiscoverOptions says what is proposed. The zero value is good.
type DiscoverOptions struct {
	Name  string // of the pack; default "discovered"
	Since string // pack whose fields are left out: name@version, or a file
	Packs fs.FS  // the built-in ones, for Since
}

// longestSample bounds one sample, in bytes.
const longestSample = 64 << 20

// ErrNoSamples says that there was nothing to learn from.
var ErrNoSamples = errors.New("no samples: one JSON document a line is expected")

// Discover reads samples, one JSON document a line or one document over several lines, and proposes what they are.
// Samples that are no JSON are counted, and left out.
func Discover(ctx context.Context, in io.Reader, o DiscoverOptions) (*discover.Proposal, error) {
	d, err := discover.New(discover.Options{Name: o.Name})
	if err != nil {
		return nil, err
	}
	if err := eachSample(ctx, in, func(sample []byte) {
		_ = d.Add(sample) // counted by the Discoverer
	}); err != nil {
		return nil, err
	}
	if read, refused := d.Samples(); read == 0 {
		if refused > 0 {
			return nil, fmt.Errorf("%w; %d lines are no JSON", ErrNoSamples, refused)
		}
		return nil, ErrNoSamples
	}
	return Propose(d, o)
}

// DiscoverTopic proposes what the records of a topic are: those since a time, at most so many.
func DiscoverTopic(ctx context.Context, c *config.Config, topic string, since time.Time, most int, o DiscoverOptions) (*discover.Proposal, error) {
	d, err := discover.New(discover.Options{Name: o.Name})
	if err != nil {
		return nil, err
	}
	conn, err := connection(c)
	if err != nil {
		return nil, err
	}
	enough := errors.New("enough")
	count := 0
	err = stream.ReadTopic(ctx, conn, topic, stream.ReadOptions{Since: since, MaxBatchBytes: int(c.Limits.Decompressed)}, func(rec *event.Record) error {
		if count++; count > most {
			return enough
		}
		_ = d.Add(rec.Value) // counted by the Discoverer
		return nil
	})
	if err != nil && !errors.Is(err, enough) {
		if errors.Is(err, event.ErrTransient) {
			err = fmt.Errorf("%w: %w", ErrDown, err)
		}
		return nil, err
	}
	if read, _ := d.Samples(); read == 0 {
		return nil, fmt.Errorf("%w: topic %s has none", ErrNoSamples, topic)
	}
	return Propose(d, o)
}

// Propose says what the samples of a Discoverer are; with Since, only what that pack has no class for.
func Propose(d *discover.Discoverer, o DiscoverOptions) (*discover.Proposal, error) {
	p := d.Proposal()
	if o.Since == "" {
		return p, nil
	}
	known, err := discover.Known(o.Since, o.Packs)
	if err != nil {
		return nil, err
	}
	return p.Since(known), nil
}

// eachSample calls add for each line. A file that begins with a bracket alone on its line is one document over several lines;
// an array there holds samples.
func eachSample(ctx context.Context, in io.Reader, add func([]byte)) error {
	r := bufio.NewReaderSize(in, 1<<20)
	var line []byte
	for first := true; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > longestSample {
			return fmt.Errorf("a line is longer than %d MiB", longestSample>>20)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		sample := bytes.TrimSpace(line)
		switch {
		case len(sample) == 0:
		case first && len(sample) == 1 && (sample[0] == '{' || sample[0] == '['):
			return eachDocument(io.MultiReader(bytes.NewReader(line), r), add)
		default:
			first = false
			add(sample)
		}
		line = line[:0]
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func eachDocument(in io.Reader, add func([]byte)) error {
	d := json.NewDecoder(in)
	for {
		var document json.RawMessage
		if err := d.Decode(&document); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("the samples are no JSON behind byte %d", d.InputOffset()) // the decoder's own words may hold a value
		}
		var samples []json.RawMessage
		if document[0] == '[' && json.Unmarshal(document, &samples) == nil {
			for _, s := range samples {
				add(s)
			}
			continue
		}
		add(document)
	}
}
