// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"nymstream": main})
}

// TestScripts runs the terminal sessions of testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds:          map[string]func(ts *testscript.TestScript, neg bool, args []string){"kafka": kafka, "edit": edit, "keep": keep, "ready": ready, "topic": topic, "produce": produce},
	})
}

// kafka starts a broker inside the test with topics of one partition, `kafka TOPIC…`: KAFKA is its address, and HTTP one that is free.
func kafka(ts *testscript.TestScript, _ bool, topics []string) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topics...))
	ts.Check(err)
	ts.Defer(broker.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.ListenAddrs()...))
	ts.Check(err)
	defer client.Close()
	for _, name := range []string{"retention.ms", "retention.bytes"} {
		forEver := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: name, Value: kadm.StringPtr("-1")}}
		_, err := kadm.NewClient(client).AlterTopicConfigs(context.Background(), forEver, topics...)
		ts.Check(err)
	}
	ts.Setenv("KAFKA", broker.ListenAddrs()[0])
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv("HTTP", l.Addr().String())
	ts.Check(l.Close())
}

// edit replaces a text in a file, `edit FILE OLD NEW`; it must be there. \n is a line break.
func edit(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	text := ts.ReadFile(path)
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s lacks what is to be replaced", args[0])
	}
	ts.Check(os.WriteFile(path, []byte(strings.ReplaceAll(text, args[1], strings.ReplaceAll(args[2], `\n`, "\n"))), 0o600))
}

// keep sets a variable to what a pattern finds in the last standard output, `keep NAME PATTERN`.
func keep(ts *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile(args[1]).FindString(ts.ReadFile("stdout"))
	if found == "" {
		ts.Fatalf("nothing in the output is like %s", args[1])
	}
	ts.Setenv(args[0], found)
}

// ready waits until the instance that listens on HTTP is ready.
func ready(ts *testscript.TestScript, _ bool, _ []string) {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		res, err := http.Get("http://" + ts.Getenv("HTTP") + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
	}
	ts.Fatalf("the instance is not ready in 30 s")
}

// topic writes the values of a topic's records, as many as are asked for, to a file: `topic NAME RECORDS FILE`.
func topic(ts *testscript.TestScript, _ bool, args []string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(ts.Getenv("KAFKA")), kgo.ConsumeTopics(args[0]))
	ts.Check(err)
	defer client.Close()
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	limited, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var text strings.Builder
	for want > 0 {
		got := client.PollFetches(limited)
		ts.Check(got.Err())
		got.EachRecord(func(r *kgo.Record) { text.Write(append(r.Value, '\n')) })
		want -= got.NumRecords()
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(text.String()), 0o600))
}

// produce writes each line of a file to a topic, `produce TOPIC FILE`.
func produce(ts *testscript.TestScript, _ bool, args []string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(ts.Getenv("KAFKA")))
	ts.Check(err)
	defer client.Close()
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		ts.Check(client.ProduceSync(context.Background(), &kgo.Record{Topic: args[0], Value: []byte(strings.TrimSpace(line))}).FirstErr())
	}
}
