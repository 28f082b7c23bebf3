package etcd

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/standin-project/standin/runtime/journal"
)

// client speaks to the members of an etcd cluster over etcd's JSON gateway. Every request of this package may be sent
// twice without harm, so each is tried at one member after another until one answers.
type client struct {
	endpoints []string // base URLs
	attempt   time.Duration
	http      *http.Client
	first     atomic.Int64 // index of the endpoint that answered last
}

func newClient(endpoints []string, config *tls.Config, attempt time.Duration) *client {
	return &client{endpoints: endpoints, attempt: attempt, http: &http.Client{Transport: &http.Transport{
		DialContext:         (&net.Dialer{Timeout: attempt}).DialContext,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: attempt,
		MaxIdleConnsPerHost: 8,
		IdleConnTimeout:     time.Minute,
	}}}
}

// refusal is an answer of etcd that another attempt would not change.
type refusal struct {
	code    int // of gRPC
	message string
}

func (e *refusal) Error() string { return "etcd refuses: " + e.message }

// The codes of gRPC that this package tells apart.
const (
	codeInvalid      = 3
	codeNotFound     = 5
	codeExists       = 6
	codeForbidden    = 7
	codeExhausted    = 8
	codePrecondition = 9
	codeCompacted    = 11
	codeNotThere     = 12
	codeUnknownUser  = 16
)

// call posts one request, patiently: members that do not answer or have no leader are asked again until ctx ends or the
// time is over.
func (c *client) call(ctx context.Context, patience time.Duration, path string, request, response any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var last error
	for round := 0; ; round++ {
		begin, strangers := int(c.first.Load()), 0
		for i := range c.endpoints {
			n := (begin + i) % len(c.endpoints)
			err := c.post(limited, c.endpoints[n]+path, body, response)
			if err == nil {
				c.first.Store(int64(n))
				return nil
			}
			if _, refused := errors.AsType[*refusal](err); refused {
				return err
			}
			if untrusted(err) {
				strangers++
			}
			if limited.Err() == nil || last == nil { // what time ran out on says less than what happened before
				last = err
			}
		}
		unreachable := &journal.UnreachableError{Store: "etcd at " + strings.Join(c.endpoints, ", "), Err: last}
		if strangers == len(c.endpoints) {
			return unreachable
		}
		pause := time.NewTimer(min(10*time.Millisecond<<min(round, 8), 200*time.Millisecond))
		select {
		case <-limited.Done():
			pause.Stop()
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return unreachable
		case <-pause.C:
		}
	}
}

// untrusted says whether one side refuses the other's certificate: time does not change that.
func untrusted(err error) bool {
	var verification *tls.CertificateVerificationError
	var alert *net.OpError
	return errors.As(err, &verification) || errors.As(err, &alert) && alert.Op == "remote error"
}

func (c *client) post(ctx context.Context, url string, body []byte, response any) error {
	ctx, cancel := context.WithTimeout(ctx, c.attempt)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return answered(answer.Status, text)
	}
	if err := json.Unmarshal(text, response); err != nil {
		return fmt.Errorf("%s: an answer that is not etcd's: %w", url, err)
	}
	return nil
}

// answered turns an answer that is no success into an error: a refusal where asking again would not help.
func answered(status string, text []byte) error {
	var e struct {
		Error   string `json:"error"`
		Message string `json:"message"`
		Code    int    `json:"code"`
	}
	if json.Unmarshal(text, &e) != nil || e.Error == "" {
		return fmt.Errorf("got %s, want 200 OK", status)
	}
	final := []int{codeInvalid, codeNotFound, codeExists, codeForbidden, codePrecondition, codeCompacted, codeNotThere, codeUnknownUser}
	full := e.Code == codeExhausted && strings.Contains(e.Error, "space exceeded")
	if slices.Contains(final, e.Code) || full {
		return &refusal{e.Code, e.Error}
	}
	return errors.New(e.Error)
}

// The messages of etcd's gateway, as far as they are used: bytes are base64, whole numbers are strings.

type keyValue struct {
	Key            []byte `json:"key"`
	Value          []byte `json:"value"`
	CreateRevision int64  `json:"create_revision,string"`
	Lease          int64  `json:"lease,string"`
}

type rangeRequest struct {
	Key      []byte `json:"key"`
	RangeEnd []byte `json:"range_end,omitempty"`
	Limit    int64  `json:"limit,string,omitempty"`
	KeysOnly bool   `json:"keys_only,omitempty"`
	Order    string `json:"sort_order,omitempty"`
	Target   string `json:"sort_target,omitempty"`
}

type rangeResponse struct {
	KVs  []keyValue `json:"kvs"`
	More bool       `json:"more"`
}

type putRequest struct {
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
	Lease int64  `json:"lease,string,omitempty"`
}

type deleteRequest struct {
	Key []byte `json:"key"`
}

type operation struct {
	Range  *rangeRequest  `json:"request_range,omitempty"`
	Put    *putRequest    `json:"request_put,omitempty"`
	Delete *deleteRequest `json:"request_delete_range,omitempty"`
}

// compare holds when the key was created at that revision; 0 is a key that is not there.
type compare struct {
	Key            []byte `json:"key"`
	Target         string `json:"target"`
	CreateRevision int64  `json:"create_revision,string"`
}

func created(key string, revision int64) compare {
	return compare{Key: []byte(key), Target: "CREATE", CreateRevision: revision}
}

func put(key string, value []byte, lease int64) operation {
	return operation{Put: &putRequest{[]byte(key), value, lease}}
}

func get(key string) operation { return operation{Range: &rangeRequest{Key: []byte(key)}} }

type txnRequest struct {
	Compare []compare   `json:"compare"`
	Success []operation `json:"success,omitempty"`
	Failure []operation `json:"failure,omitempty"`
}

type header struct {
	Revision int64 `json:"revision,string"`
	Term     int64 `json:"raft_term,string"` // of the leader, as the member knows that has answered
}

type txnResponse struct {
	Header    header `json:"header"`
	Succeeded bool   `json:"succeeded"`
	Responses []struct {
		Range rangeResponse `json:"response_range"`
	} `json:"responses"`
}

// got is the value that the n-th operation has read, nil if there is none.
func (r *txnResponse) got(n int) *keyValue {
	if n >= len(r.Responses) || len(r.Responses[n].Range.KVs) == 0 {
		return nil
	}
	return &r.Responses[n].Range.KVs[0]
}

func (c *client) txn(ctx context.Context, patience time.Duration, r *txnRequest) (*txnResponse, error) {
	var answer txnResponse
	err := c.call(ctx, patience, "/v3/kv/txn", r, &answer)
	return &answer, err
}

// prefix is the range of all keys that begin with p.
func prefix(p string) *rangeRequest {
	end := []byte(p)
	end[len(end)-1]++ // our prefixes end in a slash
	return &rangeRequest{Key: []byte(p), RangeEnd: end}
}

// page is how many keys one request reads.
const page = 512

// all reads every key of a range, page by page in the order of the keys.
func (c *client) all(ctx context.Context, patience time.Duration, r *rangeRequest, each func(kv *keyValue) error) error {
	part := *r
	part.Limit = page
	for {
		var answer rangeResponse
		if err := c.call(ctx, patience, "/v3/kv/range", &part, &answer); err != nil {
			return err
		}
		for i := range answer.KVs {
			if err := each(&answer.KVs[i]); err != nil {
				return err
			}
		}
		if !answer.More {
			return nil
		}
		part.Key = append(answer.KVs[len(answer.KVs)-1].Key, 0)
	}
}

// grant makes a lease of an id that the caller has chosen, so that asking twice makes one.
func (c *client) grant(ctx context.Context, patience time.Duration, id int64, seconds int64) error {
	request := struct {
		ID  int64 `json:"ID,string"`
		TTL int64 `json:"TTL,string"`
	}{id, seconds}
	err := c.call(ctx, patience, "/v3/lease/grant", request, &struct{}{})
	if refused, ok := errors.AsType[*refusal](err); ok && refused.code == codePrecondition {
		return nil // it exists: an attempt whose answer was lost has made it
	}
	return err
}

// renew makes a lease last its whole time again, says whether it was still there, and in which term of the cluster's
// leader that was.
func (c *client) renew(ctx context.Context, patience time.Duration, id int64) (there bool, term int64, err error) {
	var answer struct {
		Result struct {
			Header header `json:"header"`
			TTL    int64  `json:"TTL,string"`
		} `json:"result"`
		Error *struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	err = c.call(ctx, patience, "/v3/lease/keepalive", map[string]any{"ID": fmt.Sprint(id)}, &answer)
	if err == nil && answer.Error != nil {
		err = errors.New(answer.Error.Message)
	}
	return answer.Result.TTL > 0, answer.Result.Header.Term, err
}

func (c *client) revoke(ctx context.Context, patience time.Duration, id int64) error {
	err := c.call(ctx, patience, "/v3/lease/revoke", map[string]any{"ID": fmt.Sprint(id)}, &struct{}{})
	if refused, ok := errors.AsType[*refusal](err); ok && refused.code == codeNotFound {
		return nil
	}
	return err
}
