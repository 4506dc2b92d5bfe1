// SPDX-License-Identifier: Apache-2.0

// Command franz forwards every record unchanged through franz-go's group transaction session, exactly once: how another good client
// fares at the same work. It is for `make bench` only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// commitInterval is the product's default.
const commitInterval = 100 * time.Millisecond

func main() {
	brokers := flag.String("brokers", "", "host:port, separated by commas")
	group := flag.String("group", "", "consumer group")
	in := flag.String("in", "", "source topic")
	out := flag.String("out", "", "output topic")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := run(ctx, strings.Split(*brokers, ","), *group, *in, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, brokers []string, group, in, out string) error {
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(brokers...), kgo.ClientID("franz"),
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(in), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.TransactionalID(group+"-bench"), kgo.TransactionTimeout(15*time.Second),
		kgo.ProducerBatchCompression(kgo.SnappyCompression()), kgo.ProducerBatchMaxBytes(900_000), kgo.MaxBufferedRecords(200_000),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
	)
	if err != nil {
		return err
	}
	defer session.Close()
	for ctx.Err() == nil {
		fetches := session.PollFetches(ctx)
		if err := failed(fetches); err != nil {
			return err
		}
		if fetches.Empty() {
			continue
		}
		if err := transaction(session, fetches, out); err != nil {
			return err
		}
	}
	return nil
}

// transaction forwards what was fetched and what comes within the commit interval. SIGTERM does not interrupt it.
func transaction(session *kgo.GroupTransactSession, fetches kgo.Fetches, out string) error {
	if err := session.Begin(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitInterval)
	defer cancel()
	first := kgo.AbortingFirstErrPromise(session.Client())
	for {
		fetches.EachRecord(func(r *kgo.Record) {
			session.Produce(context.Background(), &kgo.Record{Topic: out, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp}, first.Promise())
		})
		if ctx.Err() != nil {
			break
		}
		fetches = session.PollFetches(ctx)
		if err := failed(fetches); err != nil {
			return err
		}
	}
	failure := first.Err()
	committed, err := session.End(context.Background(), kgo.TransactionEndTry(failure == nil))
	switch {
	case failure != nil:
		return failure
	case err != nil:
		return err
	case !committed:
		return errors.New("the group changed; nobody else should be in it")
	}
	return nil
}

// failed gives the first error that is not the end of the waiting.
func failed(fetches kgo.Fetches) error {
	for _, e := range fetches.Errors() {
		if !errors.Is(e.Err, context.DeadlineExceeded) && !errors.Is(e.Err, context.Canceled) {
			return fmt.Errorf("fetch: %w", e.Err)
		}
	}
	return nil
}
