//go:build unix

package main

import (
	"encoding/json"
	"strings"
)

// step is a step of the protocol as docs/publishing.md numbers them, or one of the places that the protocol leaves out.
type step string

const (
	stepLease      step = "1 lease"
	stepRecover    step = "2 recover"
	stepStage      step = "3 stage"
	stepCheck      step = "4 check"
	stepRecord     step = "5 record"
	stepDelete     step = "6 delete"
	stepCopy       step = "7 copy"
	stepNote       step = "8 note"
	stepManifest   step = "9 manifest"
	stepLatest     step = "10 latest"
	stepClear      step = "11 clear"
	stepRelease    step = "12 release"
	stepState      step = "state"
	stepQuarantine step = "quarantine"
	stepRun        step = "record of the run"
	stepNowhere    step = "before the first"
)

// steps are all of them, in the order in which a run comes to them; quarantine is written when everything is read.
var steps = []step{
	stepNowhere, stepLease, stepRecover, stepQuarantine, stepStage, stepCheck, stepRecord, stepDelete, stepCopy, stepNote, stepManifest,
	stepLatest, stepClear, stepState, stepRelease, stepRun,
}

// pending is what a record of the lease says of a publication.
type pending struct {
	RunID   string `json:"run_id"`
	Date    string `json:"snapshot_date"`
	Staging string `json:"staging"`
	Placed  bool   `json:"objects_in_place"`
}

// record is what is of use here of a record of the lease.
type record struct {
	Number      int64    `json:"number"`
	Term        int64    `json:"term"`
	Released    bool     `json:"released"`
	Holder      string   `json:"holder"`
	PID         int      `json:"pid"`
	Publication *pending `json:"publication"`
}

// follower tells the steps of one process by what it asks of the bucket, in the order in which it asks.
type follower struct {
	at       step
	recovers bool // what it does belongs to the publication of a run that died, which the lease came with
	staged   bool // its intent is staged, which comes with the last
	settled  bool // it has brought a publication of its own to its end
}

func newFollower() *follower { return &follower{at: stepNowhere} }

// operation is one request, or one change of a file.
type operation struct {
	method string // as in S3: GET, HEAD, PUT, DELETE
	key    string // below the lake's prefix; empty of a listing
	body   []byte // of a record of the lease
}

// follow returns the step that an operation belongs to, and whether it is of a recovery. Reading has no step of its own,
// but for the check and the recovery's.
func (f *follower) follow(o operation) (step, bool) {
	if s := f.stepOf(o); s != "" {
		f.at = s
	}
	return f.at, f.recovers
}

func (f *follower) stepOf(o operation) step {
	top, _, _ := strings.Cut(o.key, "/")
	reads := o.method == "GET" || o.method == "HEAD"
	switch {
	case top == "lease":
		return f.lease(o)
	case top == "staging" && reads:
		if f.recovers && f.at == stepLease {
			return stepRecover
		}
		if o.method == "HEAD" && f.staged && f.at == stepStage {
			return stepCheck
		}
		return ""
	case reads || o.method == "":
		return ""
	case top == "staging" && o.method == "PUT":
		f.recovers = false
		f.staged = f.staged || strings.HasSuffix(o.key, "/intent.json")
		return stepStage
	case top == "staging" && (f.at == stepLease || f.at == stepRecover):
		return stepRecover
	case top == "staging":
		return stepClear
	case top == "quarantine":
		f.recovers = false
		return stepQuarantine
	case top == "state":
		return stepState
	case top == "runs":
		return stepRun
	case top == "intent.json" && o.method == "PUT":
		return stepRecord
	case top == "intent.json" && f.at == stepLease:
		return stepRecover
	case top == "intent.json":
		return stepClear
	case o.method == "DELETE":
		return stepDelete
	case top == "manifests":
		return stepManifest
	case top == "latest.json" || strings.HasPrefix(o.key, "reports/latest/"):
		return stepLatest
	}
	return stepCopy
}

// lease tells the steps that are records of the lease.
func (f *follower) lease(o operation) step {
	if o.method != "PUT" || !strings.HasSuffix(o.key, ".json") {
		if f.at == stepNowhere || o.method == "DELETE" && f.at == stepLease {
			return stepLease
		}
		return ""
	}
	var r record
	if json.Unmarshal(o.body, &r) != nil {
		return "" // cut off
	}
	switch {
	case r.Released:
		return stepRelease
	case r.Number == r.Term:
		f.recovers = r.Publication != nil
		return stepLease
	case r.Publication != nil && r.Publication.Placed:
		return stepNote
	case r.Publication != nil:
		return stepRecord
	case f.recovers:
		return stepClear // of what the dead run has left
	case f.settled:
		return stepState // which begins with one more record
	}
	f.settled = true
	return stepClear
}
