package record

// Requires is what an artifact wants of the runtime that it runs on, read from its bytes.
type Requires struct {
	// Loaders are who can take it, any one of them: the platform tag of an ABI, "emscripten" for a side module of an
	// ABI that its bytes don't tell, "wasip1" for a program. None: it is for whatever has Python.
	Loaders []string `json:"loaders,omitempty"`
	// Imports are what its modules import and don't provide themselves, as module.name, sorted. Of an Emscripten ABI
	// Python's own functions are left out: they are the ABI.
	Imports []string `json:"imports,omitempty"`
	// Needs are parts of WebAssembly and of the host beyond its first version and those functions.
	Needs []Need `json:"needs,omitempty"`
}

// Need is one thing that a runtime has or doesn't have.
type Need struct {
	Name string `json:"name"`           // "wasm.simd128", "host.sockets"
	File string `json:"file,omitempty"` // the first that needs it; empty for the artifact itself
	Why  string `json:"why"`            // "in function 12", "calls connect, socket"
	// Call says that without it everything loads, and only the calls that need it fail.
	Call  bool  `json:"call,omitempty"`
	Bytes int64 `json:"bytes,omitempty"` // how much is needed, of what has a limit
}
