package diff

import (
	"bytes"
	"unicode/utf8"
)

// maxText is how long a text may be that is compared by lines.
const maxText = 4 << 20

// kindOf tells contents by their first bytes; what is no archive and no module is a text if it is UTF-8 throughout.
func kindOf(b []byte) Kind {
	switch {
	case bytes.HasPrefix(b, []byte("PK\x03\x04")), bytes.HasPrefix(b, []byte("PK\x05\x06")):
		return Zip
	case bytes.HasPrefix(b, []byte("\x1f\x8b\x08")):
		return Gzip
	case len(b) >= 512 && bytes.Equal(b[257:262], []byte("ustar")):
		return Tar
	case bytes.HasPrefix(b, []byte("!<arch>\n")):
		return Ar
	case bytes.HasPrefix(b, []byte("\x00asm")):
		return Module
	case len(b) <= maxText && utf8.Valid(b) && bytes.IndexByte(b, 0) < 0:
		return Text
	}
	return Plain
}
