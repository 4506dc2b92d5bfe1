// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Names of the metrics, with their labels. Dashboards and alarms rely on them: a test compares both ways.
const (
	RecordsIn          = "nymstream_records_in_total"          // topic
	RecordsForwarded   = "nymstream_records_forwarded_total"   // recipient
	RecordsWithheld    = "nymstream_records_withheld_total"    // recipient, reason
	RecordsQuarantined = "nymstream_records_quarantined_total" // recipient, reason
	LeavesDropped      = "nymstream_leaves_dropped_total"      // source, recipient, why

	Drift = "nymstream_drift_total" // source, kind: paths that no pack knows, values that are not what their class says, personal data in plain texts; each once a day

	LagStable        = "nymstream_lag_stable_records"         // topic, partition; to the last stable offset
	LagHighWatermark = "nymstream_lag_high_watermark_records" // topic, partition

	TransactionSeconds     = "nymstream_transaction_seconds"        // histogram: from its first produce to the end of its commit
	TransactionsAborted    = "nymstream_transactions_aborted_total" //
	TransactionOpenSeconds = "nymstream_transaction_open_seconds"   // age of the oldest open one; 0: none is open
	RewriteSeconds         = "nymstream_rewrite_seconds"            // histogram, for each batch
	GroupGenerations       = "nymstream_group_generations_total"    // one more with each rebalance
	PartitionsAssigned     = "nymstream_partitions_assigned"        //
	PartitionsStopped      = "nymstream_partitions_stopped"         // stopped for an operator to decide

	ControlAgeSeconds = "nymstream_control_age_seconds"   // of what an instance knows of people
	ControlInstances  = "nymstream_control_instances"     // whose beats arrive
	ControlChanges    = "nymstream_control_changes_total" // announcements of changed people
	ControlRefused    = "nymstream_control_refused_total" // reason: messages that are not of this deployment

	SignalsRefused = "nymstream_signals_refused_total" // reason: malformed, unknown-purpose, unwritable; what was said about people and does not count

	PolicyReloads = "nymstream_policy_reloads_total" // outcome: taken, unchanged, refused
	PolicySince   = "nymstream_policy_since_seconds" // Unix time since when the plan at work has been at work

	BuildInfo = "nymstream_build_info" // version, go; always 1
)

// Labels of the metrics. Their values come from the policy, the topics or closed lists, never from a payload.
const (
	LabelSource    = "source"
	LabelRecipient = "recipient"
	LabelReason    = "reason"
	LabelWhy       = "why"
	LabelTopic     = "topic"
	LabelPartition = "partition"
	LabelKind      = "kind"
	LabelOutcome   = "outcome"
	LabelVersion   = "version"
	LabelGo        = "go"
)

// Names lists every metric of nymstream; those of the Go runtime and the process come beside them.
func Names() []string {
	return []string{
		RecordsIn, RecordsForwarded, RecordsWithheld, RecordsQuarantined, LeavesDropped, Drift,
		LagStable, LagHighWatermark,
		TransactionSeconds, TransactionsAborted, TransactionOpenSeconds, RewriteSeconds, GroupGenerations, PartitionsAssigned, PartitionsStopped,
		ControlAgeSeconds, ControlInstances, ControlChanges, ControlRefused, SignalsRefused,
		PolicyReloads, PolicySince,
		BuildInfo,
	}
}

// NewRegistry gives a registry that already tells of the Go runtime, the process and the build.
func NewRegistry(version string) *prometheus.Registry {
	r := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: BuildInfo, Help: "The running build; always 1.",
		ConstLabels: prometheus.Labels{LabelVersion: version, LabelGo: runtime.Version()},
	})
	build.Set(1)
	r.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}
