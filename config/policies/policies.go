// SPDX-License-Identifier: Apache-2.0

// Package policies carries the example policies of this folder, for the demo and for tests.
package policies

import "embed"

// Files holds the policies by their file names.
//
//go:embed *.yaml
var Files embed.FS
