package static

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

const (
	archiveMagic = "!<arch>\n"
	memberHeader = 60
)

// Archive is a static library of one object, with the index by which a linker finds it. Times, owners and modes are those of no
// machine.
func Archive(member string, object []byte) ([]byte, error) {
	o, err := Read(object)
	if err != nil {
		return nil, err
	}
	defined := o.Defined()
	names := member + "/\n"
	index := binary.BigEndian.AppendUint32(nil, uint32(len(defined))) //nolint:gosec // an object of less than 4 GiB has fewer
	text := strings.Join(append(defined, ""), "\x00")
	size := func(n int) int { return memberHeader + n + n%2 }
	at := len(archiveMagic) + size(4+4*len(defined)+len(text)) + size(len(names))
	for range defined {
		index = binary.BigEndian.AppendUint32(index, uint32(at)) //nolint:gosec // the object comes third
	}
	var out bytes.Buffer
	out.WriteString(archiveMagic)
	write(&out, "/", append(index, text...))
	write(&out, "//", []byte(names))
	write(&out, "/0", object)
	return out.Bytes(), nil
}

func write(out *bytes.Buffer, name string, data []byte) {
	fmt.Fprintf(out, "%-16s%-12s%-6s%-6s%-8s%-10d`\n", name, "0", "0", "0", "644", len(data))
	out.Write(data)
	if len(data)%2 == 1 {
		out.WriteByte('\n')
	}
}

// ArchiveDefined are the names that the objects of a static library define for others. Members that are no objects have none.
func ArchiveDefined(data []byte) (map[string]bool, error) {
	rest, ok := bytes.CutPrefix(data, []byte(archiveMagic))
	if !ok {
		return nil, fault.Errorf(fault.Invalid, "it is no static library")
	}
	defined := map[string]bool{}
	for len(rest) >= memberHeader {
		size, err := strconv.Atoi(strings.TrimSpace(string(rest[48:58])))
		if err != nil || size < 0 || size > len(rest)-memberHeader {
			return nil, fault.Errorf(fault.Invalid, "the static library is cut off")
		}
		member := rest[memberHeader : memberHeader+size]
		rest = rest[min(memberHeader+size+size%2, len(rest)):]
		if !bytes.HasPrefix(member, magic) {
			continue
		}
		o, err := Read(member)
		if err != nil {
			return nil, err
		}
		for _, name := range o.Defined() {
			defined[name] = true
		}
	}
	return defined, nil
}
