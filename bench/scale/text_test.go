// SPDX-License-Identifier: Apache-2.0

//go:build bench && linux

package scale

import (
	"fmt"
	"testing"
	"time"
)

// textLanes are the rules for texts that are compared, and what the dearer ones may cost beside the first.
var textLanes = []struct {
	name, rule string
	most       float64
}{{"kept as it is", TextKept, 0}, {"searched, without names", TextSearched, 1.6}, {"searched, with names", TextNames, 4}}

// TestScaleText: what looking for personal data in texts costs an event, in the process and from Kafka to Kafka.
func TestScaleText(t *testing.T) {
	rounds := setting(t, "SCALE_ROUNDS", 20)
	var lanes []*lane
	batch := events(t, subjects, variety)
	for _, l := range textLanes {
		lanes = append(lanes, &lane{name: l.name, process: compile(t, Variant{Text: l.rule}).worker(), batch: batch})
	}
	race(t, lanes, rounds, 20*time.Millisecond)
	table := &Table{
		Title:  "Personal data in texts, the rewrite alone",
		Notes:  []string{"The event's text has 40 to 170 bytes; an address or a mention stands in some. " + bestOf(rounds)},
		Header: []string{"text", "CPU ns an event", "ratio"},
	}
	for _, l := range lanes {
		table.Row(l.name, l.cell(), l.best()/lanes[0].best())
	}
	printed(t, table)
}

// TestScaleTextKafka is the same from Kafka to Kafka.
func TestScaleTextKafka(t *testing.T) {
	count, rounds := setting(t, "SCALE_KAFKA_EVENTS", 500_000), setting(t, "SCALE_KAFKA_ROUNDS", 3)
	c, input := newCourse(t), run("texts").input()
	c.fill(t, input, count)
	var fleets []*fleet
	for _, l := range textLanes {
		fleets = append(fleets, &fleet{first: 1, text: l.rule, shown: l.name})
	}
	c.race(t, fleets, input, count, rounds)
	cpu := func(r *fleetRun) float64 { return r.cpu }
	table := &Table{
		Title:  "Personal data in texts, Kafka to Kafka",
		Notes:  []string{fmt.Sprintf("One instance with one worker, %d events of 1.3 KB over %d partitions. CPU: best of %d rounds.", count, fleetPartitions, rounds)},
		Header: []string{"text", "CPU-s a million", "ratio"},
	}
	for i, f := range fleets {
		ratio := best(f, cpu) / best(fleets[0], cpu)
		table.Row(f.name(), best(f, cpu), ratio)
		if most := textLanes[i].most; most > 0 {
			table.AtMost(f.name()+", to the same event with its text kept", most, ratio)
		}
	}
	printed(t, table)
}
