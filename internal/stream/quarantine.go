// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"strconv"
	"strings"

	"github.com/nymstream/nymstream/internal/event"
)

// Headers of quarantine records. None holds anything of the record's content: the value is sealed, the key is null.
const (
	HeaderReason     = "nym-reason"     // event.Reason's name
	HeaderRule       = "nym-rule"       // rule or path of the plan; absent when there is none
	HeaderTopic      = "nym-topic"      // where the record came from
	HeaderPartition  = "nym-partition"  //
	HeaderOffset     = "nym-offset"     //
	HeaderTime       = "nym-time"       // its broker timestamp, milliseconds
	HeaderRecipients = "nym-recipients" // names, with commas
	HeaderChunk      = "nym-chunk"      // "2/3": the second of three parts of the sealed value
	HeaderReplayed   = "nym-replayed"   // recipients that have got the record since; such a record has no value
)

// coordinate names one source record.
type coordinate struct {
	topic     string
	partition int32
	offset    int64
}

func (o *outbox) addQuarantined(q *event.Quarantined, sealed []byte) {
	rec := q.Record
	at := coordinate{rec.Topic, rec.Partition, rec.Offset}
	names := make([]string, len(q.Recipients))
	for i, r := range q.Recipients {
		names[i] = o.recipients[r].Name
	}
	headers := append(at.headers(),
		header(HeaderReason, q.Reason.String()),
		header(HeaderRecipients, strings.Join(names, ",")),
		header(HeaderTime, strconv.FormatInt(rec.Time, 10)))
	if q.Rule != "" {
		headers = append(headers, header(HeaderRule, q.Rule))
	}
	to := o.quarantine
	partition := rec.Partition % int32(to.partitions)
	room := max(min(to.maxMessage, fullBatch)-recordSize(nil, nil, headers)-batchMargin, 1024)
	chunks := max((len(sealed)+room-1)/room, 1)
	now := o.clock().UnixMilli()
	for i := range chunks {
		part := sealed[i*room : min((i+1)*room, len(sealed))]
		out := event.Output{Value: part, Time: now, Headers: append(headers[:len(headers):len(headers)],
			header(HeaderChunk, strconv.Itoa(i+1)+"/"+strconv.Itoa(chunks)))}
		o.add(to, partition, recordSize(nil, part, out.Headers), &out)
	}
}

func (c coordinate) headers() []event.Header {
	return append(make([]event.Header, 0, 9),
		header(HeaderTopic, c.topic),
		header(HeaderPartition, strconv.Itoa(int(c.partition))),
		header(HeaderOffset, strconv.FormatInt(c.offset, 10)))
}

func header(key, value string) event.Header {
	return event.Header{Key: []byte(key), Value: []byte(value)}
}
