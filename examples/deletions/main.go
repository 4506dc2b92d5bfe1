// SPDX-License-Identifier: Apache-2.0

// Command deletions shows how a recipient keeps its topic in PostgreSQL and deletes what nymstream says is to be deleted:
//
//	psql "$DATABASE" -f examples/deletions/schema.sql
//	go run ./examples/deletions -brokers 127.0.0.1:9092 -topic social.clean.analytics
//
// It takes the address of the database from the environment variable DATABASE. docs/DELETIONS.md explains it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	brokers := flag.String("brokers", "127.0.0.1:9092", "host:port, with commas")
	topic := flag.String("topic", "social.clean.analytics", "the recipient's topic")
	group := flag.String("group", "deletions-example", "consumer group")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, strings.Split(*brokers, ","), *group, *topic); err != nil {
		fmt.Fprintln(os.Stderr, "deletions:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, brokers []string, group, topic string) error {
	db, err := pgxpool.New(ctx, os.Getenv("DATABASE"))
	if err != nil {
		return err
	}
	defer db.Close()
	client, err := kgo.NewClient(reader(brokers, group, topic)...)
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance()
	return consume(ctx, client, database{db})
}

// database keeps events as schema.sql says.
type database struct{ pool *pgxpool.Pool }

func (d database) Take(ctx context.Context, e event) error {
	_, err := d.pool.Exec(ctx, "SELECT clean.take($1, $2, $3, NULLIF($4, ''), NULLIF($5, ''), $6)", e.topic, e.partition, e.offset, e.subject, e.object, string(e.body))
	return err
}

func (d database) Erase(ctx context.Context, pseudonym string) error {
	_, err := d.pool.Exec(ctx, "SELECT clean.erase($1)", pseudonym)
	return err
}

func (d database) Clear(ctx context.Context, key string) error {
	_, err := d.pool.Exec(ctx, "SELECT clean.clear($1)", key)
	return err
}
