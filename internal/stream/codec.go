// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codec is how record batches are compressed. The numbers are Kafka's.
type Codec int8

const (
	None Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

// ParseCodec reads a codec's name as Kafka spells it in compression.type; empty means snappy, the cheapest here.
func ParseCodec(name string) (Codec, error) {
	switch name {
	case "none":
		return None, nil
	case "gzip":
		return Gzip, nil
	case "", "snappy":
		return Snappy, nil
	case "lz4":
		return LZ4, nil
	case "zstd":
		return Zstd, nil
	}
	return None, fmt.Errorf("unknown compression `%s`; use none, gzip, snappy, lz4 or zstd", name)
}

// compressor holds what compressing needs; it is made on first use and serves one worker.
type compressor struct {
	gzip *gzip.Writer
	lz4  *lz4.Writer
	zstd *zstd.Encoder
	out  appender
}

// appender is an io.Writer that grows a slice.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

// append compresses src to the end of dst. Snappy is the builder's own business.
func (c *compressor) append(dst []byte, codec Codec, src []byte) ([]byte, error) {
	switch codec {
	case None:
		return append(dst, src...), nil
	case Gzip:
		if c.gzip == nil {
			c.gzip = gzip.NewWriter(io.Discard)
		}
		return c.stream(c.gzip, dst, src)
	case LZ4:
		if c.lz4 == nil {
			c.lz4 = lz4.NewWriter(io.Discard)
			if err := c.lz4.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false)); err != nil {
				return nil, err
			}
		}
		return c.stream(c.lz4, dst, src)
	case Zstd:
		if c.zstd == nil {
			var err error
			c.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true))
			if err != nil {
				return nil, err
			}
		}
		return c.zstd.EncodeAll(src, dst), nil
	}
	return nil, fmt.Errorf("unknown codec %d", codec)
}

func (c *compressor) stream(w interface {
	io.WriteCloser
	Reset(io.Writer)
}, dst, src []byte) ([]byte, error) {
	c.out.b = dst
	w.Reset(&c.out)
	_, err := w.Write(src)
	if closed := w.Close(); err == nil {
		err = closed
	}
	dst, c.out.b = c.out.b, nil
	return dst, err
}

// decompressor is the counterpart of compressor. All that it reads is hostile: output is bounded.
type decompressor struct {
	src  bytes.Reader
	gzip *gzip.Reader
	lz4  *lz4.Reader
	zstd *zstd.Decoder
	max  int // what zstd was made for
}

// append decompresses src to dst, which must be empty. It returns errBomb above limit, errCorrupt for what is no
// such format; dst, possibly grown, comes back also with an error, to be used again.
func (d *decompressor) append(dst []byte, codec Codec, src []byte, limit int) ([]byte, error) {
	switch codec {
	case Snappy:
		return appendSnappy(dst, src, limit)
	case Zstd:
		return d.appendZstd(dst, src, limit)
	case LZ4:
		d.src.Reset(src)
		if d.lz4 == nil {
			d.lz4 = lz4.NewReader(&d.src)
		} else {
			d.lz4.Reset(&d.src)
		}
		return readBounded(dst, d.lz4, limit)
	case Gzip:
		d.src.Reset(src)
		var err error
		if d.gzip == nil {
			d.gzip, err = gzip.NewReader(&d.src)
		} else {
			err = d.gzip.Reset(&d.src)
		}
		if err != nil {
			d.gzip = nil
			return dst, errCorrupt
		}
		return readBounded(dst, d.gzip, limit)
	}
	return dst, errCorrupt
}

func (d *decompressor) appendZstd(dst, src []byte, limit int) ([]byte, error) {
	if d.zstd == nil || d.max != limit {
		var err error
		d.max = limit
		d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(limit)))
		if err != nil {
			return dst, err
		}
	}
	out, err := d.zstd.DecodeAll(src, dst)
	if err != nil {
		if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
			return dst, errBomb
		}
		return dst, errCorrupt
	}
	return out, nil
}

// xerial is how Java's snappy begins; 8 bytes of versions follow, then blocks, each after its length.
const xerial = "\x82SNAPPY\x00"

func appendSnappy(dst, src []byte, limit int) ([]byte, error) {
	if len(src) < 16 || string(src[:8]) != xerial {
		return appendSnappyBlock(dst, src, limit)
	}
	src = src[16:]
	for len(src) > 0 {
		if len(src) < 4 {
			return dst, errCorrupt
		}
		n := int64(binary.BigEndian.Uint32(src))
		src = src[4:]
		if n > int64(len(src)) {
			return dst, errCorrupt
		}
		var err error
		if dst, err = appendSnappyBlock(dst, src[:n], limit); err != nil {
			return dst, err
		}
		src = src[n:]
	}
	return dst, nil
}

func appendSnappyBlock(dst, src []byte, limit int) ([]byte, error) {
	n, err := s2.DecodedLen(src)
	if err != nil {
		return dst, errCorrupt
	}
	if n > limit-len(dst) {
		return dst, errBomb
	}
	dst = slices.Grow(dst, n) // by more than n, as there may be many small blocks
	if _, err := s2.Decode(dst[len(dst):len(dst)+n], src); err != nil {
		return dst, errCorrupt
	}
	return dst[:len(dst)+n], nil
}

func readBounded(dst []byte, r io.Reader, limit int) ([]byte, error) {
	for {
		if len(dst) > limit {
			return dst, errBomb
		}
		if len(dst) == cap(dst) {
			dst = append(dst, make([]byte, 64<<10)...)[:len(dst)]
		}
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			if len(dst) > limit {
				return dst, errBomb
			}
			return dst, nil
		}
		if err != nil {
			return dst, errCorrupt
		}
	}
}
