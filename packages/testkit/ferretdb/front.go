package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"

	"github.com/FerretDB/wire/wirebson"
)

// FerretDB runs requests beside each other and reads a document before it writes it, so 50 additions at once leave a
// sum of 1 to 15. The front takes clients and hands FerretDB one request at a time, which makes each of them atomic, as it
// is in MongoDB.
type front struct {
	upstream string // a Unix socket
	turn     sync.Mutex
}

func (f *front) serve(listener net.Listener) error {
	for {
		client, err := listener.Accept()
		if err != nil {
			return err
		}
		go f.pass(client)
	}
}

// pass carries one connection, until either side ends it.
func (f *front) pass(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", f.upstream)
	if err != nil {
		return
	}
	defer server.Close()
	for {
		request, err := readMessage(client)
		if err != nil {
			return
		}
		reply, err := f.ask(server, request)
		if err != nil {
			return
		}
		if _, err := client.Write(reply); err != nil {
			return
		}
	}
}

func (f *front) ask(server net.Conn, request []byte) ([]byte, error) {
	f.turn.Lock()
	defer f.turn.Unlock()
	if _, err := server.Write(request); err != nil {
		return nil, err
	}
	if isOneWay(request) {
		return nil, nil
	}
	reply, err := readMessage(server)
	if err != nil {
		return nil, err
	}
	return duplicateKey(reply), nil
}

// https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
const (
	headLength = 16
	opMsg      = 2013
	moreToCome = 1 << 1
	maxMessage = 48_000_000
)

func readMessage(from net.Conn) ([]byte, error) {
	head := make([]byte, headLength)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(head)
	if length < headLength || length > maxMessage {
		return nil, io.ErrUnexpectedEOF
	}
	message := make([]byte, length)
	copy(message, head)
	_, err := io.ReadFull(from, message[headLength:])
	return message, err
}

func isOneWay(request []byte) bool {
	if binary.LittleEndian.Uint32(request[12:]) != opMsg || len(request) < headLength+4 {
		return false
	}
	return binary.LittleEndian.Uint32(request[headLength:])&moreToCome != 0
}

// duplicateKey turns FerretDB's answer to an update into a key that is taken, an internal error, into MongoDB's.
func duplicateKey(reply []byte) []byte {
	const prefix = headLength + 4 + 1
	if len(reply) < prefix || !bytes.Contains(reply, []byte("UNIQUE constraint failed")) {
		return reply
	}
	answer, err := wirebson.RawDocument(reply[prefix:]).Decode()
	if err != nil || answer.Get("code") != int32(1) {
		return reply
	}
	document, err := wirebson.MustDocument(
		"ok", float64(0),
		"errmsg", "E11000 duplicate key error",
		"code", int32(11000),
		"codeName", "DuplicateKey",
	).Encode()
	if err != nil {
		return reply
	}
	changed := append(append([]byte{}, reply[:prefix]...), document...)
	binary.LittleEndian.PutUint32(changed, uint32(len(changed)))
	return changed
}
