// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"encoding/base64"
	"encoding/binary"
	"io"
	"sync"

	// Imported for their own registrations, which must come before ours.
	_ "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/addoffsetstotxn"
	"github.com/segmentio/kafka-go/protocol/addpartitionstotxn"
	"github.com/segmentio/kafka-go/protocol/describeconfigs"
	"github.com/segmentio/kafka-go/protocol/endtxn"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
	"github.com/segmentio/kafka-go/protocol/joingroup"
	"github.com/segmentio/kafka-go/protocol/leavegroup"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/protocol/produce"
	"github.com/segmentio/kafka-go/protocol/syncgroup"
	"github.com/segmentio/kafka-go/protocol/txnoffsetcommit"
)

// routed marks our own request types, which kafka-go encodes in place of its own when they are sent.
const routed protocol.OverrideTypeKey = 7

// register tells kafka-go's protocol layer about this package's messages, once per process.
//
// Most requests only add the broker they go to, so that coordinators and leaders are looked up once instead of
// for every call. Fetch, OffsetFetch and Heartbeat replace kafka-go's types: Fetch must keep raw batches,
// OffsetFetch needs version 7 (RequireStable), and kafka-go reads the heartbeat's error code as a throttle time.
// After this, kafka.Client's Fetch, OffsetFetch and Heartbeat must not be used in the same process.
func register() {
	registered.Do(func() {
		for _, m := range [][2]protocol.Message{
			{&fetchRequest{}, &fetchResponse{}},
			{&offsetFetchRequest{}, &offsetFetchResponse{}},
			{&heartbeatRequest{}, &heartbeatResponse{}},
		} {
			protocol.Register(m[0], m[1])
			protocol.RegisterOverride(m[0], m[1], routed)
		}
		protocol.RegisterOverride(&produceRequest{}, &produce.Response{}, routed)
		protocol.RegisterOverride(&listOffsetsRequest{}, &listoffsets.Response{}, routed)
		protocol.RegisterOverride(&describeConfigsRequest{}, &describeconfigs.Response{}, routed)
		protocol.RegisterOverride(&joinGroupRequest{}, &joingroup.Response{}, routed)
		protocol.RegisterOverride(&syncGroupRequest{}, &syncgroup.Response{}, routed)
		protocol.RegisterOverride(&leaveGroupRequest{}, &leavegroup.Response{}, routed)
		protocol.RegisterOverride(&initProducerRequest{}, &initproducerid.Response{}, routed)
		protocol.RegisterOverride(&addPartitionsRequest{}, &addpartitionstotxn.Response{}, routed)
		protocol.RegisterOverride(&addOffsetsRequest{}, &addoffsetstotxn.Response{}, routed)
		protocol.RegisterOverride(&txnOffsetCommitRequest{}, &txnoffsetcommit.Response{}, routed)
		protocol.RegisterOverride(&endTxnRequest{}, &endtxn.Response{}, routed)
	})
}

var registered sync.Once

// broker is the destination of a request. A negative one means any: kafka-go takes one of the configured addresses
// and tells why when it cannot be reached.
type broker int32

func (b broker) Broker(c protocol.Cluster) (protocol.Broker, error) {
	if b < 0 {
		return protocol.Broker{ID: -1}, nil
	}
	if to, ok := c.Brokers[int32(b)]; ok {
		return to, nil
	}
	return protocol.Broker{}, errUnknownBroker
}

func (broker) TypeKey() protocol.OverrideTypeKey { return routed }

// rawRecords are the record batches of one partition as they travel.
// A fetched value owns a pooled buffer: release gives it back.
type rawRecords struct {
	bytes  []byte
	pooled *[]byte
}

// fetchBuffers is a package variable because kafka-go makes the response values itself.
var fetchBuffers sync.Pool

// maxResponse bounds what one partition of a fetch response may claim to hold.
const maxResponse = 256 << 20

// ReadFrom takes the batches of one fetched partition.
func (r *rawRecords) ReadFrom(src io.Reader) (int64, error) {
	var size [4]byte
	if _, err := io.ReadFull(src, size[:]); err != nil {
		return 0, err
	}
	n := int(int32(binary.BigEndian.Uint32(size[:])))
	if n <= 0 {
		return 4, nil
	}
	if n > maxResponse {
		return 4, errHugeResponse
	}
	m, err := r.fill(src, n)
	return m + 4, err
}

func (r *rawRecords) fill(src io.Reader, n int) (int64, error) {
	p, _ := fetchBuffers.Get().(*[]byte)
	if p == nil {
		p = new([]byte)
	}
	if cap(*p) < n {
		*p = make([]byte, n, n+n/4)
	}
	r.pooled, r.bytes = p, (*p)[:n]
	m, err := io.ReadFull(src, r.bytes)
	return int64(m), err
}

// compactRecords are rawRecords with the length that flexible versions use: a varint, plus one.
type compactRecords struct{ rawRecords }

// ReadFrom takes the batches of one fetched partition.
func (r *compactRecords) ReadFrom(src io.Reader) (int64, error) {
	size, shift := uint64(0), 0
	var b [1]byte
	for n := int64(1); ; n++ {
		if _, err := io.ReadFull(src, b[:]); err != nil {
			return n, err
		}
		size |= uint64(b[0]&0x7f) << shift
		if shift += 7; b[0] < 0x80 || shift > 28 {
			if size <= 1 {
				return n, nil
			}
			if size > maxResponse {
				return n, errHugeResponse
			}
			m, err := r.fill(src, int(size-1))
			return m + n, err
		}
	}
}

// WriteTo writes the batches as a produce request carries them.
func (r *rawRecords) WriteTo(dst io.Writer) (int64, error) {
	var size [4]byte
	binary.BigEndian.PutUint32(size[:], uint32(len(r.bytes)))
	if _, err := dst.Write(size[:]); err != nil {
		return 0, err
	}
	n, err := dst.Write(r.bytes)
	return int64(n) + 4, err
}

func (r *rawRecords) release() {
	if r.pooled != nil {
		fetchBuffers.Put(r.pooled)
	}
	r.pooled, r.bytes = nil, nil
}

// fetchRequest names topics by id from version 13 on: a topic that was made again is then refused instead of read at
// offsets that belong to its predecessor.
type fetchRequest struct {
	_              struct{}         `kafka:"min=v12,max=v13,tag"`
	ReplicaID      int32            `kafka:"min=v4,max=v13"`
	MaxWaitMillis  int32            `kafka:"min=v4,max=v13"`
	MinBytes       int32            `kafka:"min=v4,max=v13"`
	MaxBytes       int32            `kafka:"min=v4,max=v13"`
	IsolationLevel int8             `kafka:"min=v4,max=v13"`
	SessionID      int32            `kafka:"min=v7,max=v13"`
	SessionEpoch   int32            `kafka:"min=v7,max=v13"`
	Topics         []fetchTopic     `kafka:"min=v4,max=v13"`
	Forgotten      []fetchForgotten `kafka:"min=v7,max=v13"`
	RackID         string           `kafka:"min=v11,max=v11|min=v12,max=v13,compact"`
	broker         `kafka:"-"`
}

type fetchTopic struct {
	_          struct{}         `kafka:"min=v12,max=v13,tag"`
	Topic      string           `kafka:"min=v4,max=v11|min=v12,max=v12,compact"`
	ID         topicID          `kafka:"min=v13,max=v13"`
	Partitions []fetchPartition `kafka:"min=v4,max=v13"`
}

type fetchPartition struct {
	_            struct{} `kafka:"min=v12,max=v13,tag"`
	Partition    int32    `kafka:"min=v4,max=v13"`
	LeaderEpoch  int32    `kafka:"min=v9,max=v13"`
	Offset       int64    `kafka:"min=v4,max=v13"`
	FetchedEpoch int32    `kafka:"min=v12,max=v13"`
	LogStart     int64    `kafka:"min=v5,max=v13"`
	MaxBytes     int32    `kafka:"min=v4,max=v13"`
}

type fetchForgotten struct {
	_          struct{} `kafka:"min=v12,max=v13,tag"`
	Topic      string   `kafka:"min=v7,max=v11|min=v12,max=v12,compact"`
	ID         topicID  `kafka:"min=v13,max=v13"`
	Partitions []int32  `kafka:"min=v7,max=v13"`
}

func (*fetchRequest) ApiKey() protocol.ApiKey { return protocol.Fetch }

type fetchResponse struct {
	_         struct{}             `kafka:"min=v12,max=v13,tag"`
	Throttle  int32                `kafka:"min=v4,max=v13"`
	ErrorCode int16                `kafka:"min=v7,max=v13"`
	SessionID int32                `kafka:"min=v7,max=v13"`
	Topics    []fetchResponseTopic `kafka:"min=v4,max=v13"`
}

type fetchResponseTopic struct {
	_          struct{}           `kafka:"min=v12,max=v13,tag"`
	Topic      string             `kafka:"min=v4,max=v11|min=v12,max=v12,compact"`
	ID         topicID            `kafka:"min=v13,max=v13"`
	Partitions []fetchedPartition `kafka:"min=v4,max=v13"`
}

type fetchedPartition struct {
	_                struct{}       `kafka:"min=v12,max=v13,tag"`
	Partition        int32          `kafka:"min=v4,max=v13"`
	ErrorCode        int16          `kafka:"min=v4,max=v13"`
	HighWatermark    int64          `kafka:"min=v4,max=v13"`
	LastStable       int64          `kafka:"min=v4,max=v13"`
	LogStart         int64          `kafka:"min=v5,max=v13"`
	Aborted          []abortedTxn   `kafka:"min=v4,max=v13"`
	PreferredReplica int32          `kafka:"min=v11,max=v13"`
	Plain            rawRecords     `kafka:"min=v4,max=v11"`
	Compact          compactRecords `kafka:"min=v12,max=v13"`
}

// records gives the batches, wherever the version of the response has put them.
func (p *fetchedPartition) records() *rawRecords {
	if p.Compact.bytes != nil {
		return &p.Compact.rawRecords
	}
	return &p.Plain
}

// abortedTxn says that a producer's records from First to its next abort marker never happened.
type abortedTxn struct {
	_        struct{} `kafka:"min=v12,max=v13,tag"`
	Producer int64    `kafka:"min=v4,max=v13"`
	First    int64    `kafka:"min=v4,max=v13"`
}

func (*fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch }

// topicID tells a topic from any other, also from an earlier one of the same name. The zero value is unknown.
type topicID [16]byte

// ReadFrom and WriteTo are for kafka-go's encoding, which knows no identifiers.
func (id *topicID) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.ReadFull(src, id[:])
	return int64(n), err
}

func (id *topicID) WriteTo(dst io.Writer) (int64, error) {
	n, err := dst.Write(id[:])
	return int64(n), err
}

// String is the form that Kafka's own tools print; nothing when it is unknown.
func (id topicID) String() string {
	if id == (topicID{}) {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(id[:])
}

type offsetFetchRequest struct {
	_       struct{}           `kafka:"min=v6,max=v7,tag"`
	GroupID string             `kafka:"min=v7,max=v7,compact"`
	Topics  []offsetFetchTopic `kafka:"min=v7,max=v7,nullable"`
	Stable  bool               `kafka:"min=v7,max=v7"`
	broker  `kafka:"-"`
}

type offsetFetchTopic struct {
	_          struct{} `kafka:"min=v6,max=v7,tag"`
	Name       string   `kafka:"min=v7,max=v7,compact"`
	Partitions []int32  `kafka:"min=v7,max=v7"`
}

func (*offsetFetchRequest) ApiKey() protocol.ApiKey { return protocol.OffsetFetch }

type offsetFetchResponse struct {
	_         struct{}                   `kafka:"min=v6,max=v7,tag"`
	Throttle  int32                      `kafka:"min=v7,max=v7"`
	Topics    []offsetFetchResponseTopic `kafka:"min=v7,max=v7"`
	ErrorCode int16                      `kafka:"min=v7,max=v7"`
}

type offsetFetchResponseTopic struct {
	_          struct{}                 `kafka:"min=v6,max=v7,tag"`
	Name       string                   `kafka:"min=v7,max=v7,compact"`
	Partitions []offsetFetchedPartition `kafka:"min=v7,max=v7"`
}

type offsetFetchedPartition struct {
	_           struct{} `kafka:"min=v6,max=v7,tag"`
	Partition   int32    `kafka:"min=v7,max=v7"`
	Offset      int64    `kafka:"min=v7,max=v7"`
	LeaderEpoch int32    `kafka:"min=v7,max=v7"`
	Metadata    string   `kafka:"min=v7,max=v7,nullable,compact"`
	ErrorCode   int16    `kafka:"min=v7,max=v7"`
}

func (*offsetFetchResponse) ApiKey() protocol.ApiKey { return protocol.OffsetFetch }

type heartbeatRequest struct {
	_               struct{} `kafka:"min=v4,max=v4,tag"`
	GroupID         string   `kafka:"min=v3,max=v3|min=v4,max=v4,compact"`
	GenerationID    int32    `kafka:"min=v3,max=v4"`
	MemberID        string   `kafka:"min=v3,max=v3|min=v4,max=v4,compact"`
	GroupInstanceID string   `kafka:"min=v3,max=v3,nullable|min=v4,max=v4,compact,nullable"`
	broker          `kafka:"-"`
}

func (*heartbeatRequest) ApiKey() protocol.ApiKey { return protocol.Heartbeat }

type heartbeatResponse struct {
	_         struct{} `kafka:"min=v4,max=v4,tag"`
	Throttle  int32    `kafka:"min=v3,max=v4"`
	ErrorCode int16    `kafka:"min=v3,max=v4"`
}

func (*heartbeatResponse) ApiKey() protocol.ApiKey { return protocol.Heartbeat }

type produceRequest struct {
	TransactionalID string         `kafka:"min=v3,max=v8,nullable"`
	Acks            int16          `kafka:"min=v3,max=v8"`
	TimeoutMillis   int32          `kafka:"min=v3,max=v8"`
	Topics          []produceTopic `kafka:"min=v3,max=v8"`
	broker          `kafka:"-"`
}

type produceTopic struct {
	Topic      string             `kafka:"min=v3,max=v8"`
	Partitions []producePartition `kafka:"min=v3,max=v8"`
}

type producePartition struct {
	Partition int32      `kafka:"min=v3,max=v8"`
	Records   rawRecords `kafka:"min=v3,max=v8"`
}

func (*produceRequest) ApiKey() protocol.ApiKey { return protocol.Produce }

type listOffsetsRequest struct {
	ReplicaID      int32              `kafka:"min=v2,max=v5"`
	IsolationLevel int8               `kafka:"min=v2,max=v5"`
	Topics         []listOffsetsTopic `kafka:"min=v2,max=v5"`
	broker         `kafka:"-"`
}

type listOffsetsTopic struct {
	Topic      string                 `kafka:"min=v2,max=v5"`
	Partitions []listOffsetsPartition `kafka:"min=v2,max=v5"`
}

type listOffsetsPartition struct {
	Partition          int32 `kafka:"min=v2,max=v5"`
	CurrentLeaderEpoch int32 `kafka:"min=v4,max=v5"`
	Timestamp          int64 `kafka:"min=v2,max=v5"`
}

func (*listOffsetsRequest) ApiKey() protocol.ApiKey { return protocol.ListOffsets }

type describeConfigsRequest struct {
	Resources     []configResource `kafka:"min=v1,max=v3"`
	Synonyms      bool             `kafka:"min=v1,max=v3"`
	Documentation bool             `kafka:"min=v3,max=v3"`
	broker        `kafka:"-"`
}

type configResource struct {
	Type int8     `kafka:"min=v1,max=v3"`
	Name string   `kafka:"min=v1,max=v3"`
	Keys []string `kafka:"min=v1,max=v3,nullable"`
}

func (*describeConfigsRequest) ApiKey() protocol.ApiKey { return protocol.DescribeConfigs }
