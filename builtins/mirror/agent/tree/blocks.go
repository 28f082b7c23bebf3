package tree

import (
	"context"
	"encoding/binary"
	"errors"
	"io"

	"github.com/minio/highwayhash"
)

// BlockSize is the unit in which files are compared, in bytes.
const BlockSize = 64 << 10

// Sum is the fingerprint of one block.
type Sum [16]byte

// Hasher hashes blocks under one key. It belongs to one goroutine.
type Hasher struct {
	key  []byte
	zero map[int]Sum // of blocks of zeros, by length
	buf  []byte
}

// NewHasher makes a hasher; key has 32 bytes.
func NewHasher(key []byte) *Hasher {
	return &Hasher{key: key, zero: map[int]Sum{}, buf: make([]byte, BlockSize)}
}

// Sum hashes one block.
func (h *Hasher) Sum(block []byte) Sum { return highwayhash.Sum128(block, h.key) }

// SumOf hashes what Blocks visits: n bytes of data, or a hole of that length.
func (h *Hasher) SumOf(n int, data []byte) Sum {
	if data != nil {
		return h.Sum(data)
	}
	sum, ok := h.zero[n]
	if !ok {
		sum = h.Sum(make([]byte, n))
		h.zero[n] = sum
	}
	return sum
}

// Blocks reads a file of the given size block by block. Data is nil for a block that lies in a hole, else it is valid
// until the next call; a file that became shorter ends early. It stops at visit's first error.
func (h *Hasher) Blocks(ctx context.Context, f *Handle, size int64, sparse bool, visit func(off int64, n int, data []byte) error) error {
	dataEnd := size
	var data int64
	if sparse {
		dataEnd = 0 // unknown yet
	}
	for off := int64(0); off < size; off += BlockSize {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := int(min(BlockSize, size-off))
		if sparse && off >= dataEnd {
			data, dataEnd = f.nextData(off, size)
		}
		if off+int64(n) <= data {
			if err := visit(off, n, nil); err != nil {
				return err
			}
			continue
		}
		got, err := f.ReadAt(h.buf[:n], off)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if got == 0 {
			return nil
		}
		if err := visit(off, got, h.buf[:got]); err != nil || got < n {
			return err
		}
	}
	return nil
}

// pageSize is the unit in which holes are kept, in bytes.
const pageSize = 4096

// Runs takes a block apart into runs of pages that are all zero and runs of those that are not.
func Runs(data []byte, visit func(off int, run []byte, zero bool) error) error {
	for from := 0; from < len(data); {
		zero := isZero(data[from:min(from+pageSize, len(data))])
		to := min(from+pageSize, len(data))
		for to < len(data) && isZero(data[to:min(to+pageSize, len(data))]) == zero {
			to = min(to+pageSize, len(data))
		}
		if err := visit(from, data[from:to], zero); err != nil {
			return err
		}
		from = to
	}
	return nil
}

func isZero(b []byte) bool {
	for len(b) >= 8 {
		if binary.NativeEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
