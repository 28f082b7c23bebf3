package journal

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strconv"
)

// checksum is CRC-32C; its table is made at the first use, not when the program starts.
func checksum(body []byte) uint32 { return crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) }

// Encode appends v as it is at rest to buf: a checksum, a space and one line of JSON without its newline.
func Encode(buf []byte, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return buf, err
	}
	return append(fmt.Appendf(buf, "%08x ", checksum(body)), body...), nil
}

// Decode reads into v what Encode has written, and says whether it is whole.
func Decode(line []byte, v any) bool {
	if len(line) < 10 || line[8] != ' ' {
		return false
	}
	sum, err := strconv.ParseUint(string(line[:8]), 16, 32)
	body := line[9:]
	if err != nil || checksum(body) != uint32(sum) {
		return false
	}
	if own, ok := v.(json.Unmarshaler); ok { // without a second look at what the checksum has proved
		return own.UnmarshalJSON(body) == nil
	}
	return json.Unmarshal(body, v) == nil
}
