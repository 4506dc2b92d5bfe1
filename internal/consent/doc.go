// SPDX-License-Identifier: Apache-2.0

// Package consent answers whether a purpose may use a person's data now. A person's Standing is what their signals came to; a
// Question is what a recipient asks of it. It is pure: it knows no store, no topic and no clock of its own.
//
// Order does not matter where it could harm: a late grant never undoes a revocation of a later time, and equal times deny. What a
// Standing forgets, it forgets to the stricter side: signals out of order can make a consent begin later than it did, never earlier.
package consent
