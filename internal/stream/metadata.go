// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"io"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// metadataRequest asks a broker every time; kafka-go answers its own type from a cache.
type metadataRequest struct {
	names    []string
	clientID string
	version  int16
	broker
}

type metadataResponse struct{ body *metadata.Response }

func (*metadataRequest) ApiKey() protocol.ApiKey  { return protocol.Metadata }
func (*metadataResponse) ApiKey() protocol.ApiKey { return protocol.Metadata }

// Required takes the version that was agreed on with the broker.
func (r *metadataRequest) Required(agreed map[protocol.ApiKey]int16) bool {
	r.version = agreed[protocol.Metadata]
	return true
}

// RawExchange sends kafka-go's own request past its cache. Topics are never created by it.
func (r *metadataRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	m, err := protocol.RoundTrip(rw, r.version, 0, r.clientID, &metadata.Request{TopicNames: r.names, IncludeTopicAuthorizedOperations: true})
	if err != nil {
		return nil, err
	}
	return &metadataResponse{body: m.(*metadata.Response)}, nil
}

// topicIDVersion is the first Metadata version that tells topic ids; kafka-go stops at 8.
const topicIDVersion = 10

// readTopicIDs asks for the ids of the topics; without error it gives none where the broker cannot tell.
// A topic that was deleted and made again has another id, and its offsets mean nothing any more.
func (c *cluster) readTopicIDs(ctx context.Context, names []string) (map[string]topicID, error) {
	supported, err := c.tellsTopicIDs(ctx)
	if err != nil || !supported {
		return nil, err
	}
	m, err := c.send(ctx, &topicIDRequest{names: names, clientID: c.clientID, broker: -1})
	if err != nil {
		return nil, err
	}
	return m.(*topicIDResponse).ids, nil
}

func (c *cluster) tellsTopicIDs(ctx context.Context) (bool, error) {
	c.mu.Lock()
	known := c.topicIDs
	c.mu.Unlock()
	if known != 0 {
		return known > 0, nil
	}
	m, err := c.send(ctx, &apiversions.Request{})
	if err != nil {
		return false, err
	}
	known = -1
	for _, k := range m.(*apiversions.Response).ApiKeys {
		if protocol.ApiKey(k.ApiKey) == protocol.Metadata && k.MinVersion <= topicIDVersion && k.MaxVersion >= topicIDVersion {
			known = 1
		}
	}
	c.mu.Lock()
	c.topicIDs = known
	c.mu.Unlock()
	return known > 0, nil
}

// topicIDRequest is a Metadata request that speaks for itself on the connection, as kafka-go allows.
type topicIDRequest struct {
	names    []string
	clientID string
	broker
}

type topicIDResponse struct{ ids map[string]topicID }

func (*topicIDRequest) ApiKey() protocol.ApiKey                 { return protocol.Metadata }
func (*topicIDResponse) ApiKey() protocol.ApiKey                { return protocol.Metadata }
func (*topicIDRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange writes the request and reads the answer.
func (r *topicIDRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if _, err := rw.Write(r.encode()); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(rw, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > 16<<20 {
		return nil, errHugeResponse
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(rw, body); err != nil {
		return nil, err
	}
	return decodeTopicIDs(body)
}

func (r *topicIDRequest) encode() []byte {
	b := make([]byte, 4, 64)
	b = binary.BigEndian.AppendUint16(b, uint16(protocol.Metadata))
	b = binary.BigEndian.AppendUint16(b, topicIDVersion)
	b = binary.BigEndian.AppendUint32(b, 0) // correlation: one request at a time on a connection
	b = binary.BigEndian.AppendUint16(b, uint16(len(r.clientID)))
	b = append(b, r.clientID...)
	b = append(b, 0)
	b = binary.AppendUvarint(b, uint64(len(r.names)+1))
	for _, name := range r.names {
		b = append(b, make([]byte, 16)...)
		b = binary.AppendUvarint(b, uint64(len(name)+1))
		b = append(b, name...)
		b = append(b, 0)
	}
	b = append(b, 0, 0, 0, 0) // no auto-creation, no authorized operations, no tags
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

func decodeTopicIDs(body []byte) (*topicIDResponse, error) {
	r := flexible{buf: body}
	r.take(4) // correlation
	r.tags()
	r.take(4) // throttle
	for range r.length() {
		r.take(4)
		r.text()
		r.take(4)
		r.text()
		r.tags()
	}
	r.text()
	r.take(4)
	ids := make(map[string]topicID)
	for range r.length() {
		code := r.take(2)
		name, id := r.text(), r.take(16)
		r.take(1)
		for range r.length() {
			r.take(14)
			for range 3 {
				r.take(4 * r.length())
			}
			r.tags()
		}
		r.take(4)
		r.tags()
		if r.err == nil && code[0]|code[1] == 0 {
			ids[name] = topicID(id)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return &topicIDResponse{ids: ids}, nil
}

var errShortResponse = errors.New("metadata response is cut")

// flexible reads Kafka's compact encoding; after the first fault everything reads as empty.
type flexible struct {
	buf []byte
	err error
}

func (r *flexible) take(n int) []byte {
	if n < 0 || n > len(r.buf) {
		r.err, r.buf = errShortResponse, nil
		return nil
	}
	v := r.buf[:n]
	r.buf = r.buf[n:]
	return v
}

// length reads the length of an array or text, stored plus one; 0 stands for null.
func (r *flexible) length() int {
	n := r.number()
	if n == 0 {
		return 0
	}
	if n-1 > uint64(len(r.buf)) {
		r.take(-1)
		return 0
	}
	return int(n - 1)
}

func (r *flexible) text() string { return string(r.take(r.length())) }

func (r *flexible) tags() {
	for range r.length0() {
		r.number()
		r.take(r.length0())
	}
}

// length0 reads a length that is stored as it is.
func (r *flexible) length0() int {
	n := r.number()
	if n > uint64(len(r.buf)) {
		r.take(-1)
		return 0
	}
	return int(n)
}

func (r *flexible) number() uint64 {
	n, size := binary.Uvarint(r.buf)
	if size <= 0 {
		r.take(-1)
		return 0
	}
	r.buf = r.buf[size:]
	return n
}
