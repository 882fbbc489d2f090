package fake

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxWait is the longest delay that Prefer: wait may ask for.
const MaxWait = time.Minute

// preferences are what a request asks for with the header Prefer (RFC 7240):
// code, a status to answer with, and wait, seconds to wait before. Others are
// ignored, as the RFC asks.
type preferences struct {
	code     int
	wait     time.Duration
	applied  []string
	warnings []string // what could not be taken, and why
}

func parsePrefer(header http.Header) preferences {
	var p preferences
	for _, line := range header["Prefer"] {
		for preference := range strings.SplitSeq(line, ",") {
			preference, _, _ = strings.Cut(preference, ";")
			name, value, _ := strings.Cut(preference, "=")
			p.set(strings.ToLower(strings.TrimSpace(name)), strings.Trim(strings.TrimSpace(value), `"`))
		}
	}
	return p
}

func (p *preferences) set(name, value string) {
	switch name {
	case "code":
		code, err := strconv.Atoi(value)
		if err != nil || code < 200 || code > 599 {
			p.warn("code must be a status from 200 to 599", value)
			return
		}
		p.code = code
	case "wait":
		seconds, err := strconv.ParseFloat(value, 64)
		if err != nil || !(seconds >= 0 && seconds <= MaxWait.Seconds()) {
			p.warn(fmt.Sprintf("wait must be seconds from 0 to %.0f", MaxWait.Seconds()), value)
			return
		}
		p.wait = time.Duration(seconds * float64(time.Second))
	default:
		return
	}
	p.applied = append(p.applied, name+"="+value)
}

func (p *preferences) warn(wanted, value string) {
	p.warnings = append(p.warnings, fmt.Sprintf("Prefer: %s, got %s", wanted, strconv.QuoteToASCII(cut(value, 60))))
}

// wait delays an answer, and tells whether somebody still waits for it. When
// the server closes, delays end and answers go out.
func (s *Server) wait(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.done:
	case <-ctx.Done():
		return false
	}
	return true
}
