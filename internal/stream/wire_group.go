// SPDX-License-Identifier: Apache-2.0

package stream

import "github.com/segmentio/kafka-go/protocol"

// The requests of group membership and transactions. They are kafka-go's, with the coordinator they go to.

type joinGroupRequest struct {
	_                      struct{}            `kafka:"min=v6,max=v7,tag"`
	GroupID                string              `kafka:"min=v5,max=v5|min=v6,max=v7,compact"`
	SessionTimeoutMillis   int32               `kafka:"min=v5,max=v7"`
	RebalanceTimeoutMillis int32               `kafka:"min=v5,max=v7"`
	MemberID               string              `kafka:"min=v5,max=v5|min=v6,max=v7,compact"`
	GroupInstanceID        string              `kafka:"min=v5,max=v5,nullable|min=v6,max=v7,compact,nullable"`
	ProtocolType           string              `kafka:"min=v5,max=v5|min=v6,max=v7,compact"`
	Protocols              []joinGroupProtocol `kafka:"min=v5,max=v7"`
	broker                 `kafka:"-"`
}

type joinGroupProtocol struct {
	_        struct{} `kafka:"min=v6,max=v7,tag"`
	Name     string   `kafka:"min=v5,max=v5|min=v6,max=v7,compact"`
	Metadata []byte   `kafka:"min=v5,max=v5|min=v6,max=v7,compact"`
}

func (*joinGroupRequest) ApiKey() protocol.ApiKey { return protocol.JoinGroup }

type syncGroupRequest struct {
	_               struct{}              `kafka:"min=v4,max=v5,tag"`
	GroupID         string                `kafka:"min=v3,max=v3|min=v4,max=v5,compact"`
	GenerationID    int32                 `kafka:"min=v3,max=v5"`
	MemberID        string                `kafka:"min=v3,max=v3|min=v4,max=v5,compact"`
	GroupInstanceID string                `kafka:"min=v3,max=v3,nullable|min=v4,max=v5,nullable,compact"`
	ProtocolType    string                `kafka:"min=v5,max=v5,compact,nullable"`
	ProtocolName    string                `kafka:"min=v5,max=v5,compact,nullable"`
	Assignments     []syncGroupAssignment `kafka:"min=v3,max=v5"`
	broker          `kafka:"-"`
}

type syncGroupAssignment struct {
	_          struct{} `kafka:"min=v4,max=v5,tag"`
	MemberID   string   `kafka:"min=v3,max=v3|min=v4,max=v5,compact"`
	Assignment []byte   `kafka:"min=v3,max=v3|min=v4,max=v5,compact"`
}

func (*syncGroupRequest) ApiKey() protocol.ApiKey { return protocol.SyncGroup }

type leaveGroupRequest struct {
	_       struct{}           `kafka:"min=v4,max=v4,tag"`
	GroupID string             `kafka:"min=v3,max=v3|min=v4,max=v4,compact"`
	Members []leaveGroupMember `kafka:"min=v3,max=v4"`
	broker  `kafka:"-"`
}

type leaveGroupMember struct {
	_               struct{} `kafka:"min=v4,max=v4,tag"`
	MemberID        string   `kafka:"min=v3,max=v3|min=v4,max=v4,compact"`
	GroupInstanceID string   `kafka:"min=v3,max=v3,nullable|min=v4,max=v4,nullable,compact"`
}

func (*leaveGroupRequest) ApiKey() protocol.ApiKey { return protocol.LeaveGroup }

type initProducerRequest struct {
	_               struct{} `kafka:"min=v2,max=v4,tag"`
	TransactionalID string   `kafka:"min=v3,max=v4,nullable"`
	TimeoutMillis   int32    `kafka:"min=v3,max=v4"`
	ProducerID      int64    `kafka:"min=v3,max=v4"`
	ProducerEpoch   int16    `kafka:"min=v3,max=v4"`
	broker          `kafka:"-"`
}

func (*initProducerRequest) ApiKey() protocol.ApiKey { return protocol.InitProducerId }

type addPartitionsRequest struct {
	_               struct{}     `kafka:"min=v3,max=v3,tag"`
	TransactionalID string       `kafka:"min=v1,max=v2|min=v3,max=v3,compact"`
	ProducerID      int64        `kafka:"min=v1,max=v3"`
	ProducerEpoch   int16        `kafka:"min=v1,max=v3"`
	Topics          []addedTopic `kafka:"min=v1,max=v3"`
	broker          `kafka:"-"`
}

type addedTopic struct {
	_          struct{} `kafka:"min=v3,max=v3,tag"`
	Name       string   `kafka:"min=v1,max=v2|min=v3,max=v3,compact"`
	Partitions []int32  `kafka:"min=v1,max=v3"`
}

func (*addPartitionsRequest) ApiKey() protocol.ApiKey { return protocol.AddPartitionsToTxn }

type addOffsetsRequest struct {
	_               struct{} `kafka:"min=v3,max=v3,tag"`
	TransactionalID string   `kafka:"min=v1,max=v2|min=v3,max=v3,compact"`
	ProducerID      int64    `kafka:"min=v1,max=v3"`
	ProducerEpoch   int16    `kafka:"min=v1,max=v3"`
	GroupID         string   `kafka:"min=v1,max=v2|min=v3,max=v3,compact"`
	broker          `kafka:"-"`
}

func (*addOffsetsRequest) ApiKey() protocol.ApiKey { return protocol.AddOffsetsToTxn }

type txnOffsetCommitRequest struct {
	_               struct{}         `kafka:"min=v3,max=v3,tag"`
	TransactionalID string           `kafka:"min=v3,max=v3,compact"`
	GroupID         string           `kafka:"min=v3,max=v3,compact"`
	ProducerID      int64            `kafka:"min=v3,max=v3"`
	ProducerEpoch   int16            `kafka:"min=v3,max=v3"`
	GenerationID    int32            `kafka:"min=v3,max=v3"`
	MemberID        string           `kafka:"min=v3,max=v3,compact"`
	GroupInstanceID string           `kafka:"min=v3,max=v3,compact,nullable"`
	Topics          []txnOffsetTopic `kafka:"min=v3,max=v3"`
	broker          `kafka:"-"`
}

type txnOffsetTopic struct {
	_          struct{}    `kafka:"min=v3,max=v3,tag"`
	Name       string      `kafka:"min=v3,max=v3,compact"`
	Partitions []txnOffset `kafka:"min=v3,max=v3"`
}

type txnOffset struct {
	_           struct{} `kafka:"min=v3,max=v3,tag"`
	Partition   int32    `kafka:"min=v3,max=v3"`
	Offset      int64    `kafka:"min=v3,max=v3"`
	LeaderEpoch int32    `kafka:"min=v3,max=v3"`
	Metadata    string   `kafka:"min=v3,max=v3,nullable,compact"`
}

func (*txnOffsetCommitRequest) ApiKey() protocol.ApiKey { return protocol.TxnOffsetCommit }

type endTxnRequest struct {
	_               struct{} `kafka:"min=v3,max=v3,tag"`
	TransactionalID string   `kafka:"min=v1,max=v2|min=v3,max=v3,compact"`
	ProducerID      int64    `kafka:"min=v1,max=v3"`
	ProducerEpoch   int16    `kafka:"min=v1,max=v3"`
	Committed       bool     `kafka:"min=v1,max=v3"`
	broker          `kafka:"-"`
}

func (*endTxnRequest) ApiKey() protocol.ApiKey { return protocol.EndTxn }
