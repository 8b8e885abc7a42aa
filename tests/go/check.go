// Reads questions about a log, one JSON object per line, and answers each on a line of its own with Go's own readers of
// notes and proofs: "ok", or what is wrong.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type question struct {
	Key          string // as note.NewVerifier reads it
	Older, Newer string // two checkpoints of the log
	Entry        []byte // an entry that the newer one has
	Index        int64
	Inclusion    tlog.RecordProof
	Consistency  tlog.TreeProof
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := answer(lines.Bytes()); err != nil {
			fmt.Println(strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("ok")
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answer(line []byte) error {
	var asked question
	if err := json.Unmarshal(line, &asked); err != nil {
		return err
	}
	key, err := note.NewVerifier(asked.Key)
	if err != nil {
		return err
	}
	oldSize, oldRoot, err := open(asked.Older, key)
	if err != nil {
		return err
	}
	newSize, newRoot, err := open(asked.Newer, key)
	if err != nil {
		return err
	}
	leaf := tlog.RecordHash(asked.Entry)
	if err := tlog.CheckRecord(asked.Inclusion, newSize, newRoot, asked.Index, leaf); err != nil {
		return fmt.Errorf("inclusion: %w", err)
	}
	if err := tlog.CheckTree(asked.Consistency, newSize, newRoot, oldSize, oldRoot); err != nil {
		return fmt.Errorf("consistency: %w", err)
	}
	return nil
}

// open returns the size and the root of a checkpoint. tlog.ParseTree reads only those of the Go checksum database.
func open(checkpoint string, key note.Verifier) (size int64, root tlog.Hash, err error) {
	opened, err := note.Open([]byte(checkpoint), note.VerifierList(key))
	if err != nil {
		return 0, root, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != key.Name() || lines[3] != "" {
		return 0, root, errors.New("not a checkpoint of this log")
	}
	if size, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return 0, root, err
	}
	root, err = tlog.ParseHash(lines[2])
	return size, root, err
}
