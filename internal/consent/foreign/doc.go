// SPDX-License-Identifier: Apache-2.0

// Package foreign reads what platforms and peers say about people, as signals of package consent.
//
// Each sender has one entry: a pure function of a message's bytes, and of when and from which instance they came.
// It gives what was told, or an error that names the field, and never a value. Who sent a message is checked here where
// the message itself is signed (Meta, OpenDSR, DRP); where the transport is (webhooks, HTTP signatures, streams over TLS), by its receiver.
//
//	sender       message                                          becomes
//	X            user_delete, user_protect, user_suspend          Restriction deny, purpose x:delete, x:protect, x:suspend
//	             user_undelete, user_unprotect, user_unsuspend    Restriction allow of the same purpose
//	             user_withheld                                    everywhere (XX): Restriction deny x:withheld; else Hidden
//	             scrub_geo                                        Scrub
//	             delete; drop, (status_)withheld; undrop          Object Deleted; Withheld; Restored
//	             delete of a like, tweet_edit, profile changes    nothing
//	ATProto      account deleted, tombstone                       Erasure deny
//	             takendown, suspended, deactivated,               Restriction deny, purpose atproto:<status>
//	             desynchronized, throttled
//	             inactive for another reason, or none             Restriction deny, purpose atproto:inactive
//	             active                                           Restriction allow of all six
//	ActivityPub  Delete of the actor by itself                    Erasure deny
//	             Delete of an actor passed on, or by another      nothing
//	             Delete; Tombstone; Undo; Undo of a Delete        Object Deleted; the same; the same; Restored
//	             Tombstone of an actor                            Restriction deny, purpose activitypub:tombstone
//	             Move, Remove                                     nothing
//	Meta         data deletion callback                           Erasure deny
//	             deauthorize callback                             Consent deny of every purpose
//	Facebook     post or comment removed; hidden; shown again     Object Deleted; Withheld; Restored
//	             like or reaction removed                         nothing
//	             permission revoked, account unlinked             Consent deny of every purpose
//	Slack        tokens_revoked, app_uninstalled                  Consent deny of every purpose, for the users they name
//	             user_change, user_profile_changed                Restriction deny or allow, purpose slack:deactivated
//	             message deleted                                  Object Deleted
//	Discord      APPLICATION_DEAUTHORIZED                         Consent deny of every purpose
//	             messages deleted                                 Object Deleted
//	GitHub       authorization revoked, installation deleted      Consent deny of every purpose
//	             comment, issue, discussion, release, ref deleted Object Deleted
//	             user blocked or unblocked                        nothing
//	OpenDSR      erasure                                          Erasure deny, for each identity; a hash is of class hashed
//	             access, portability, rectification               nothing: a right for the caller to serve
//	DRP          sale:opt-out                                     Sale deny, Sharing deny
//	             sale:opt-in                                      Sale allow
//	             deletion                                         Erasure deny
//	             access, access:categories, access:specific       nothing: a right for the caller to serve
//
// "Nothing" is a Told whose What names the message and that holds no signal. The purpose of a Restriction is its ground:
// lifting one leaves the others in force. A time in the message counts before the time of its arrival; one before the year 2000
// is a default that nobody set. A message that fits none of the sender's kinds is an error where the sender has only these (X),
// and no Told where other events come the same way.
package foreign
