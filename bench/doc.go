// Package bench measures what comfyfake costs, beside the least that a server
// could cost. Both are measured in one run, in turns, and told as a ratio,
// since two runs on one machine differ by more than what is measured:
//
//	go test ./bench -run '^$' -bench .
//
// The metric fake/bare is the throughput of comfyfake divided by that of a
// bare net/http handler that writes the same bytes over the same kind of
// socket.
package bench
