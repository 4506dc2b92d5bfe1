// SPDX-License-Identifier: Apache-2.0

// Package attacks tries to break what is promised about erasure, consent and domains, with everything that an attacker could have.
// Each test fails when its attack succeeds. It needs no services: stores, topics and keyrings are in memory or in temporary folders.
package attacks
