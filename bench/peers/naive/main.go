// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Command naive is the Go program that one would write first, as a contender of `make bench-peers`: encoding/json into maps, the
// standard library's HMAC and AES-GCM, and franz-go's consumer group for Kafka, at least once.
package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/bench/contender"
)

const key = "0123456789abcdef0123456789abcdef" // a benchmark's, no secret

func main() {
	c := contender.Contender{Transform: newSanitizer, Kafka: consume}
	os.Exit(c.Main(os.Args[1:]))
}

type object = map[string]any

func newSanitizer() (contender.Sanitize, error) {
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return func(event []byte) ([]byte, error) {
		var in object
		d := json.NewDecoder(bytes.NewReader(event))
		d.UseNumber() // a float64 would change large integers
		if err := d.Decode(&in); err != nil {
			return nil, err
		}
		out, err := sanitize(in, aead)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}, nil
}

func sanitize(in object, aead cipher.AEAD) (object, error) {
	actor, post, ctx := child(in, "actor"), child(in, "object"), child(in, "context")
	age, err := bucket(actor["age"])
	if err != nil {
		return nil, err
	}
	lat, err := grid(child(ctx, "geo")["lat"])
	if err != nil {
		return nil, err
	}
	lon, err := grid(child(ctx, "geo")["lon"])
	if err != nil {
		return nil, err
	}
	var mentions []any
	entities := child(post, "entities")
	list, _ := entities["mentions"].([]any)
	for _, m := range list {
		person, _ := m.(object)
		mentions = append(mentions, object{"id": pseudonym(text(person, "id"))})
	}
	return object{
		"type":      in["type"],
		"published": hour(text(in, "published")),
		"actor": object{
			"id": pseudonym(text(actor, "id")), "handle": pseudonym(text(actor, "handle")), "email": seal(aead, text(actor, "email")),
			"age": age, "verified": actor["verified"], "followers": actor["followers"],
		},
		"object": object{
			"type": post["type"], "text": seal(aead, text(post, "text")), "lang": post["lang"],
			"in_reply_to_user_id": pseudonym(text(post, "in_reply_to_user_id")), "possibly_sensitive": post["possibly_sensitive"],
			"metrics":  pick(child(post, "metrics"), "likes", "reposts", "replies", "views"),
			"entities": object{"mentions": mentions, "hashtags": entities["hashtags"]},
		},
		"context": object{
			"ip":     network(text(ctx, "ip")),
			"device": object{"id": pseudonym(text(child(ctx, "device"), "id")), "os": child(ctx, "device")["os"]}, "session_id": pseudonym(text(ctx, "session_id")),
			"geo": object{"lat": lat, "lon": lon, "country": child(ctx, "geo")["country"]},
		},
	}, nil
}

func child(of object, name string) object {
	o, _ := of[name].(object)
	return o
}

func text(of object, name string) string {
	s, _ := of[name].(string)
	return s
}

func pick(of object, names ...string) object {
	some := object{}
	for _, n := range names {
		some[n] = of[n]
	}
	return some
}

func pseudonym(of string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(of))
	return hex.EncodeToString(mac.Sum(nil))
}

func seal(aead cipher.AEAD, clear string) string {
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return base64.StdEncoding.EncodeToString(aead.Seal(nonce, nonce, []byte(clear), nil))
}

func hour(at string) string {
	if len(at) < len("2026-07-14T09") {
		return ""
	}
	return at[:len("2026-07-14T09")] + ":00:00Z"
}

func network(ip string) string {
	return ip[:strings.LastIndexByte(ip, '.')+1] + "0"
}

func bucket(age any) (string, error) {
	n, _ := age.(json.Number)
	years, err := n.Int64()
	if err != nil {
		return "", err
	}
	low := int64(0)
	for _, bound := range []int64{18, 25, 35, 45, 55, 65} {
		if years < bound {
			if low == 0 {
				return fmt.Sprintf("<%d", bound), nil
			}
			return fmt.Sprintf("%d-%d", low, bound-1), nil
		}
		low = bound
	}
	return fmt.Sprintf("%d+", low), nil
}

// grid moves a coordinate to the nearest multiple of 0.09°: about 10 km.
func grid(degrees any) (float64, error) {
	n, _ := degrees.(json.Number)
	d, err := n.Float64()
	return math.Round(d/0.09) * 9 / 100, err
}

// consume sanitizes one poll after the other and commits each when all its records have arrived.
func consume(ctx context.Context, t contender.Topics) error {
	sanitize, err := newSanitizer()
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(t.Brokers...), kgo.ConsumerGroup(t.Group), kgo.ConsumeTopics(t.In), kgo.DisableAutoCommit(),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.BlockRebalanceOnPoll(), kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchCompression(kgo.SnappyCompression()), kgo.ProducerLinger(20*time.Millisecond), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance()
	for {
		fetches := client.PollRecords(ctx, 10_000)
		if ctx.Err() != nil {
			return nil
		}
		if err := fetches.Err(); err != nil {
			return err
		}
		if err := forward(client, fetches, sanitize, t.Out); err != nil {
			return err
		}
		client.AllowRebalance()
	}
}

// forward is not interrupted by the end of the context: what was sanitized is delivered and committed.
func forward(client *kgo.Client, fetches kgo.Fetches, sanitize contender.Sanitize, out string) error {
	ctx, first := context.Background(), kgo.AbortingFirstErrPromise(client)
	for records := fetches.RecordIter(); !records.Done(); {
		r := records.Next()
		value, err := sanitize(r.Value)
		if err != nil {
			return fmt.Errorf("%s/%d at %d: %w", r.Topic, r.Partition, r.Offset, err)
		}
		client.Produce(ctx, &kgo.Record{Topic: out, Key: r.Key, Value: value, Timestamp: r.Timestamp}, first.Promise())
	}
	if err := errors.Join(client.Flush(ctx), first.Err()); err != nil {
		return err
	}
	return client.CommitUncommittedOffsets(ctx)
}
