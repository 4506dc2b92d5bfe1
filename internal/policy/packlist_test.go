// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

func TestDescribePacks(t *testing.T) {
	packs := fstest.MapFS{"social.yaml": {Data: testFile(t, "social.yaml")}}
	got, err := DescribePacks(packs)
	if err != nil || len(got) != 1 {
		t.Fatalf("want one pack, got %v, %v", got, err)
	}
	described := fmt.Sprintf("%s %d %v %d %v", got[0].Name, got[0].Version, got[0].Events, got[0].Paths, got[0].Coverage)
	if want := "social 1 [deletion post visit] 90 <nil>"; described != want {
		t.Errorf("want %s, got %s", want, described)
	}
	packs[coverageFile] = &fstest.MapFile{Data: []byte("pack\tleaves\tclassified\tpayloads\tmatched\tsubject\nsocial\t90\t88\t12\t11\t10\n")}
	got, err = DescribePacks(packs)
	if want := (PackCoverage{90, 88, 12, 11, 10}); err != nil || got[0].Coverage == nil || *got[0].Coverage != want {
		t.Errorf("want %v, got %v, %v", want, got, err)
	}
	for _, text := range []string{"pack\tleaves\nsocial\t90\n", "pack\tleaves\nsocial\t90\tx\t1\t1\t1\n"} {
		packs[coverageFile] = &fstest.MapFile{Data: []byte(text)}
		if _, err := DescribePacks(packs); err == nil || !strings.Contains(err.Error(), coverageFile+":2") {
			t.Errorf("want a fault at %s:2, got %v", coverageFile, err)
		}
	}
}
