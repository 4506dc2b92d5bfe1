// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"github.com/nymstream/nymstream/internal/event"
)

var (
	// ErrFenced says that the transactional id is not this process's any more: another process took this instance's
	// name, or the coordinator timed a transaction out and does not give the id back. It is fatal; a restart mends it.
	ErrFenced = fmt.Errorf("the transactional id was taken over, by another process under this instance name or by a timeout at its coordinator: %w", event.ErrFatal)

	errUnknownBroker = errors.New("broker is not in the cluster's metadata yet")
	errHugeResponse  = errors.New("fetch response above 256 MiB")
	errNoLeader      = errors.New("partition has no leader")
	errGeneration    = errors.New("group generation is over")
	errLostRecords   = errors.New("the partition holds an earlier leader epoch than was read before: it was made again or lost records")
)

// Codes of the Kafka protocol that decide what happens next, by the names they have here. kafka-go names most, not all.
const (
	codeOutOfRange          = kafka.OffsetOutOfRange
	codeUnknownTopic        = kafka.UnknownTopicOrPartition
	codeNotLeader           = kafka.NotLeaderForPartition
	codeTooLarge            = kafka.MessageSizeTooLarge
	codeLoading             = kafka.GroupLoadInProgress
	codeNoCoordinator       = kafka.GroupCoordinatorNotAvailable
	codeNotCoordinator      = kafka.NotCoordinatorForGroup
	codeIllegalGeneration   = kafka.IllegalGeneration
	codeUnknownMember       = kafka.UnknownMemberId
	codeRebalance           = kafka.RebalanceInProgress
	codeTopicDenied         = kafka.TopicAuthorizationFailed
	codeGroupDenied         = kafka.GroupAuthorizationFailed
	codeDuplicateSequence   = kafka.DuplicateSequenceNumber
	codeInvalidEpoch        = kafka.InvalidProducerEpoch
	codeConcurrent          = kafka.ConcurrentTransactions
	codeTransactionalDenied = kafka.TransactionalIDAuthorizationFailed
	codeMemberIDRequired    = kafka.MemberIDRequired
	codeFencedInstance      = kafka.FencedInstanceID
	codeUnstableOffset      = kafka.UnstableOffsetCommit
	codeFencedProducer      = kafka.ProducerFenced
	codeUnknownTopicID      = kafka.Error(100)
	codeInconsistentTopicID = kafka.Error(103)
)

// refusal is an error code of a broker about a named resource.
type refusal struct {
	op, resource string
	code         kafka.Error
}

func (e *refusal) Error() string {
	title := e.code.Title()
	switch e.code {
	case codeUnknownTopicID, codeInconsistentTopicID:
		title = "The Topic Was Deleted Or Made Again"
	}
	text := fmt.Sprintf("%s %s: %s (Kafka error %d)", e.op, e.resource, title, int(e.code))
	if mend := e.mend(); mend != "" {
		text += "; " + mend
	}
	return text
}

// Unwrap lets errors.Is find the code.
func (e *refusal) Unwrap() error { return e.code }

// Is sorts the codes that no retry mends into event.ErrFatal.
func (e *refusal) Is(class error) bool {
	if class != event.ErrFatal {
		return false
	}
	switch e.code {
	case codeTopicDenied, codeGroupDenied, codeTransactionalDenied, kafka.ClusterAuthorizationFailed,
		kafka.InvalidTimestamp, kafka.PolicyViolation, kafka.UnsupportedVersion, kafka.InvalidRequest,
		kafka.InvalidTransactionTimeout, kafka.InvalidSessionTimeout, kafka.InconsistentGroupProtocol,
		kafka.SASLAuthenticationFailed, kafka.UnsupportedForMessageFormat:
		return true
	}
	return false
}

// mend says what an operator changes.
func (e *refusal) mend() string {
	switch e.code {
	case codeTopicDenied:
		return fmt.Sprintf("grant %s on topic %s to this principal", e.rights(), e.resource)
	case codeGroupDenied:
		return fmt.Sprintf("grant READ on group %s to this principal", e.resource)
	case codeTransactionalDenied:
		return fmt.Sprintf("grant WRITE and DESCRIBE on transactional id %s (or its prefix) to this principal", e.resource)
	case kafka.InvalidTransactionTimeout:
		return "the transaction timeout is above the broker's transaction.max.timeout.ms"
	case kafka.InvalidSessionTimeout:
		return "the session timeout is outside the broker's group.min.session.timeout.ms and group.max.session.timeout.ms"
	case kafka.InvalidTimestamp:
		return "record times are outside the topic's message.timestamp limits"
	case kafka.InconsistentGroupProtocol:
		return "the group is in use by other software; choose another group"
	}
	return ""
}

func (e *refusal) rights() string {
	switch e.op {
	case "fetch", "read":
		return "READ and DESCRIBE"
	case "produce", "add partition to transaction", "write":
		return "WRITE and DESCRIBE"
	}
	return "DESCRIBE"
}

// refuse makes an error of a code; code 0 is none.
func refuse(op, resource string, code int16) error {
	if code == 0 {
		return nil
	}
	return &refusal{op: op, resource: resource, code: kafka.Error(code)}
}

// movedCoordinator tells whether another broker must be asked.
func movedCoordinator(err error) bool {
	return isCode(err, codeNoCoordinator, codeNotCoordinator)
}

// passing tells whether the same request may succeed a little later: the broker says so, or it did not answer.
func passing(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, event.ErrFatal) {
		return false
	}
	var code kafka.Error
	if !errors.As(err, &code) {
		return true // no answer: connection, name look-up, time
	}
	switch code {
	case codeLoading, codeNoCoordinator, codeNotCoordinator, codeConcurrent, codeUnstableOffset,
		codeUnknownTopic, codeNotLeader, kafka.LeaderNotAvailable, kafka.RequestTimedOut, kafka.BrokerNotAvailable,
		kafka.ReplicaNotAvailable, kafka.NetworkException, kafka.NotEnoughReplicas, kafka.NotEnoughReplicasAfterAppend,
		kafka.KafkaStorageError, kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch, kafka.ThrottlingQuotaExceeded:
		return true
	}
	return false
}

// lostGeneration tells whether the group went on without this member.
func lostGeneration(err error) bool {
	return errors.Is(err, errGeneration) ||
		isCode(err, codeIllegalGeneration, codeUnknownMember, codeRebalance)
}

func isCode(err error, codes ...kafka.Error) bool {
	var code kafka.Error
	if !errors.As(err, &code) {
		return false
	}
	for _, c := range codes {
		if code == c {
			return true
		}
	}
	return false
}

// backoff doubles from the first pause to the longest.
type backoff struct{ next, longest time.Duration }

func (b *backoff) wait(ctx context.Context) error {
	pause := b.next
	b.next = min(b.next*2, b.longest)
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// retry calls fn until it succeeds, fails for good or ctx ends; it then returns fn's last error.
func retry(ctx context.Context, fn func() error) error {
	pause := backoff{next: 5 * time.Millisecond, longest: time.Second}
	for {
		err := fn()
		if err == nil || !passing(err) {
			return err
		}
		if pause.wait(ctx) != nil {
			return err
		}
	}
}
