package wasm

// Proposal is a part of WebAssembly that came after its first version: an engine knows it or refuses the module. Names
// are those of LLVM's features where it has one.
type Proposal string

// The proposals whose instructions are told apart.
const (
	SignExt           Proposal = "sign-ext"
	TruncSat          Proposal = "nontrapping-fptoint"
	BulkMemory        Proposal = "bulk-memory"
	ReferenceTypes    Proposal = "reference-types"
	SIMD              Proposal = "simd128"
	RelaxedSIMD       Proposal = "relaxed-simd"
	HalfPrecision     Proposal = "fp16"
	Atomics           Proposal = "atomics"
	LegacyExceptions  Proposal = "legacy-exceptions" // try, catch, rethrow, delegate: what Emscripten emits by default
	ExnrefExceptions  Proposal = "exnref-exceptions" // try_table, throw_ref
	TailCall          Proposal = "tail-call"
	FunctionReference Proposal = "function-references"
	GC                Proposal = "gc"
	MultiMemory       Proposal = "multi-memory"
	Memory64          Proposal = "memory64"
	ExtendedConst     Proposal = "extended-const"
	WideArithmetic    Proposal = "wide-arithmetic"
)

// Use is the first place at which a module uses a proposal.
type Use struct {
	Proposal Proposal
	Where    string // "function 12", "global section"
}

// UseOf finds where a proposal is used; nil where it is not.
func (m *Module) UseOf(p Proposal) *Use {
	for i := range m.Proposals {
		if m.Proposals[i].Proposal == p {
			return &m.Proposals[i]
		}
	}
	return nil
}
