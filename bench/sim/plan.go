// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
)

// plan is what a fleet needs, from figures that `make bench-scale` measured. docs/SCALING.md explains each.
type plan struct {
	rate       float64 // events a second, at the peak
	recipients int
	cpu        float64 // CPU-seconds a million events for one recipient
	further    float64 // the same for each further recipient
	broker     float64 // the broker's for reading the input and writing one output
	in, out    float64 // bytes an event on network and disk, compressed, with keys and batches
	busy       float64 // share of its cores that an instance may use
	zones      int     // one of which may be lost
	cores      int     // of an instance
	skew       float64 // events of the busiest partition to the mean
	replicas   int
	hoursIn    float64 // retention
	hoursOut   float64
	commit     float64 // seconds of a transaction
	peak       float64 // MiB of an instance with one worker
	worker     float64 // MiB of each further worker
	pause      float64 // seconds without work in a rebalance
}

func (p *plan) flags(f *flag.FlagSet) {
	f.IntVar(&p.recipients, "recipients", 1, "plan: recipients of each event")
	f.Float64Var(&p.cpu, "cpu", 8, "plan: CPU-seconds a million events, one recipient")
	f.Float64Var(&p.further, "cpu-further", 4.3, "plan: CPU-seconds a million events, each further recipient")
	f.Float64Var(&p.broker, "cpu-broker", 10, "plan: the broker's CPU-seconds a million events")
	f.Float64Var(&p.in, "bytes-in", 539, "plan: bytes an event of the source topic on disk")
	f.Float64Var(&p.out, "bytes-out", 507, "plan: bytes an event of a recipient's topic on disk")
	f.Float64Var(&p.busy, "busy", 0.6, "plan: share of the cores in use at the peak, when a zone is lost")
	f.IntVar(&p.zones, "zones", 3, "plan: zones; one may be lost")
	f.IntVar(&p.cores, "cores", 4, "plan: cores and workers of an instance")
	f.Float64Var(&p.skew, "skew", 7.9, "plan: events of the busiest partition, times the mean")
	f.IntVar(&p.replicas, "replicas", 3, "plan: copies of each topic")
	f.Float64Var(&p.hoursIn, "hours-in", 24, "plan: retention of the source")
	f.Float64Var(&p.hoursOut, "hours-out", 168, "plan: retention of a recipient's topic")
	f.Float64Var(&p.commit, "commit", 0.1, "plan: seconds of a transaction")
	f.Float64Var(&p.peak, "mib", 149, "plan: MiB of an instance with one worker")
	f.Float64Var(&p.worker, "mib-worker", 5, "plan: MiB of each further worker")
	f.Float64Var(&p.pause, "pause", 4, "plan: seconds of a rebalance in which nothing is read")
}

func (p *plan) validate() error {
	for _, x := range []float64{p.cpu, p.broker, p.in, p.out, p.busy, p.commit, p.skew, float64(p.recipients), float64(p.zones), float64(p.cores), float64(p.replicas)} {
		if x <= 0 {
			return errors.New("-plan: want figures above 0")
		}
	}
	if p.busy > 1 {
		return errors.New("-busy: want a share of at most 1")
	}
	return nil
}

// need is the outcome of a plan.
type need struct {
	used, cores                  float64 // used by work; to be had, with all zones
	instances, workers           int
	partitions                   int
	perPartition, hottest        float64 // events/s
	perWorker                    float64 // events/s a worker carries when its core is its own
	memory                       float64 // MiB, all instances
	readMB, writeMB              float64 // MB/s of all instances
	brokerCPU                    float64 // cores
	brokerIn, brokerOut          float64 // MB/s of all brokers, replication included
	disk                         float64 // TB
	transactions, markers, fewer float64 // a second; markers by key, and by source
	backlog, catchUp             float64 // events; seconds
}

func (p *plan) need() need {
	var n need
	recipients, events := float64(p.recipients), p.rate
	n.used = events / 1e6 * (p.cpu + (recipients-1)*p.further)
	survive := 1.0
	if p.zones > 1 {
		survive = float64(p.zones) / float64(p.zones-1)
	}
	n.cores = math.Ceil(n.used/p.busy*survive - 1e-9)
	n.instances = int(math.Ceil(n.cores/float64(p.cores) - 1e-9))
	if p.zones > 1 { // as many in each zone
		n.instances = (n.instances + p.zones - 1) / p.zones * p.zones
	}
	n.workers = n.instances * p.cores
	// Workers have several partitions each, so that work spreads when a zone is lost, and a power of two halves well.
	n.partitions = 1
	for n.partitions < 3*n.workers {
		n.partitions *= 2
	}
	n.perPartition = events / float64(n.partitions)
	n.hottest = n.perPartition * p.skew
	n.perWorker = events / n.used
	n.memory = float64(n.instances) * (p.peak + float64(p.cores-1)*p.worker)
	n.readMB, n.writeMB = events*p.in/1e6, events*recipients*p.out/1e6
	n.brokerCPU = events / 1e6 * p.broker * (1 + (recipients-1)/2)
	copies := float64(p.replicas)
	n.brokerIn = (n.readMB + n.writeMB) * copies                         // producers, instances, followers
	n.brokerOut = n.readMB + n.writeMB + (copies-1)*(n.readMB+n.writeMB) // instances, one reader of each recipient, followers
	n.disk = (n.readMB*p.hoursIn + n.writeMB*p.hoursOut) * 3600 * copies / 1e6
	n.transactions = float64(n.workers) / p.commit
	n.markers = n.transactions * float64(n.partitions) * recipients
	n.fewer = float64(n.partitions) * recipients / p.commit
	n.backlog = events * p.pause
	n.catchUp = n.backlog / (float64(n.workers)/n.used*events - events)
	return n
}

func (p *plan) print(out io.Writer) {
	n := p.need()
	row := func(what, formula, format string, args ...any) string {
		return fmt.Sprintf("%s | %s | %s", what, formula, fmt.Sprintf(format, args...))
	}
	markdown(out, fmt.Sprintf("Plan for %s events/s, %d recipient(s)", thousands(p.rate), p.recipients), "what | how | here", []string{
		row("cores at work", "rate × (cpu + further recipients × cpu-further)", "%.1f", n.used),
		row("cores to have", "at work ÷ busy × zones ÷ (zones − 1)", "%.0f", n.cores),
		row("instances", "cores to have ÷ cores of one, as many in each zone", "%d of %d cores and workers", n.instances, p.cores),
		row("partitions of the source", "≥ 3 a worker, a power of two", "%d", n.partitions),
		row("events/s of a mean partition, of the busiest", "rate ÷ partitions, × skew", "%s, %s; one worker carries %s", thousands(n.perPartition), thousands(n.hottest), thousands(n.perWorker)),
		row("memory of all instances", "instances × (mib + (workers − 1) × mib-worker)", "%.1f GiB", n.memory/1024),
		row("network of all instances, in and out", "rate × bytes-in, rate × recipients × bytes-out", "%.0f and %.0f MB/s", n.readMB, n.writeMB),
		row("cores of all brokers", "rate × cpu-broker × (1 + further recipients ÷ 2); without replication, producers, readers", "%.1f", n.brokerCPU),
		row("network of all brokers, in", "(input + outputs) × replicas", "%.0f MB/s", n.brokerIn),
		row("network of all brokers, out", "(input + outputs, read once) + (replicas − 1) × the same", "%.0f MB/s", n.brokerOut),
		row("disk of all brokers", "(input × hours-in + outputs × hours-out) × replicas", "%.1f TB", n.disk),
		row("transactions/s", "workers ÷ commit", "%.0f", n.transactions),
		row("markers/s, `partition_by: key`", "transactions/s × partitions of the outputs, at most", "%s", thousands(n.markers)),
		row("markers/s, `partition_by: source`", "partitions of the outputs ÷ commit, at most", "%s", thousands(n.fewer)),
		row("backlog after a rebalance", "rate × pause", "%s events", thousands(n.backlog)),
		row("until it is gone, all zones up", "backlog ÷ (what all workers carry − rate)", "%.1f s", n.catchUp),
	})
}
