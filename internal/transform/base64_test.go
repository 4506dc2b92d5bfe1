// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"bytes"
	"encoding/base64"
	"testing"
	"testing/quick"
)

func TestBase64IsTheStandardOne(t *testing.T) {
	agrees := func(src []byte) bool {
		want := base64.RawURLEncoding.AppendEncode([]byte("before"), src)
		got := appendBase64([]byte("before"), src)
		return bytes.Equal(got, want)
	}
	for length := range 64 {
		if src := bytes.Repeat([]byte{0xa7}, length); !agrees(src) {
			t.Errorf("%d bytes: not what encoding/base64 writes", length)
		}
	}
	all := make([]byte, 0, 3<<12) // every group of six bits, at every place
	for v := range uint32(1 << 12) {
		bits := v<<12 | v
		all = append(all, byte(bits>>16), byte(bits>>8), byte(bits))
	}
	for shift := range 6 {
		if !agrees(all[shift:]) {
			t.Errorf("all groups from byte %d: not what encoding/base64 writes", shift)
		}
	}
	if err := quick.Check(agrees, nil); err != nil {
		t.Error(err)
	}
}

func BenchmarkBase64(b *testing.B) {
	src := bytes.Repeat([]byte{0xa7}, 129)
	var dst []byte
	b.Run("ours", func(b *testing.B) {
		b.SetBytes(int64(len(src)))
		for b.Loop() {
			dst = appendBase64(dst[:0], src)
		}
	})
	b.Run("plain", func(b *testing.B) {
		b.SetBytes(int64(len(src)))
		for b.Loop() {
			dst = sealedText.AppendEncode(dst[:0], src)
		}
	})
}
