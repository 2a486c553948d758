package audit_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/wheel/wasm/wasmtest"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

// BenchmarkWheel audits a wheel that is small, one of 5 MB, and those that WASMILL_BENCH_WHEELS names by a pattern.
func BenchmarkWheel(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	wheels := map[string]string{}
	for name, functions := range map[string]int{"small": 300, "5 MB": 14_000} {
		var bodies []string
		for range functions {
			var body strings.Builder
			for range 100 { // local.get, i32.const, i32.add, i32.load, drop: as hard to compress as real code
				body.Write([]byte{0x20, byte(random.IntN(8)), 0x41, byte(random.IntN(64)), 0x6a, 0x28, 2, byte(random.IntN(128)), 0x1a})
			}
			bodies = append(bodies, body.String()+"\x0b")
		}
		module := string(wasmtest.Module{}.Bytes()) + string(wasmtest.Code(bodies...)) + string(wasmtest.Data("\x41\x00\x0b", strings.Repeat("some text / and more\x00", functions*10)))
		wheels[name] = wheeltest.Write(b, b.TempDir(), wheeltest.Spec{Name: "a", Version: "1", Tag: "cp315-cp315-" + platform, Files: map[string]string{"a/liba.so": module}})
	}
	named, err := filepath.Glob(os.Getenv("WASMILL_BENCH_WHEELS"))
	if err != nil {
		b.Fatal(err)
	}
	for _, file := range named {
		wheels[filepath.Base(file)] = file
	}
	abi, err := audit.NewABI(platform, "3.15")
	if err != nil {
		b.Fatal(err)
	}
	for name, file := range wheels {
		b.Run(name, func(b *testing.B) {
			info, err := os.Stat(file)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(info.Size())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := audit.Wheel(file, audit.Target{ABI: abi, Runtime: provided}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
