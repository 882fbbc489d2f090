package spec

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// formats are the string formats that are checked, each with how a message
// calls it. Formats that stand here are checked in every document; others
// (password, binary, ...) are notes to the reader and checked nowhere.
var formats = map[string]struct {
	noun string
	ok   func(string) bool
}{
	"date":      {"a date such as 2025-01-31", isDate},
	"date-time": {"a date-time such as 2025-01-31T12:00:00Z", isDateTime},
	"email":     {"an email address", isEmail},
	"hostname":  {"a host name", isHostname},
	"ipv4":      {"an IPv4 address", isIPv4},
	"ipv6":      {"an IPv6 address", isIPv6},
	"uri":       {"a uri such as https://host/path", isURI},
	"uuid":      {"a uuid", isUUID},
}

var errFormat = errors.New("wrong format")

var withFormats = openapi3.WithStringFormatValidators(formatValidators())

func formatValidators() map[string]openapi3.StringFormatValidator {
	validators := make(map[string]openapi3.StringFormatValidator, len(formats))
	for name, format := range formats {
		validators[name] = openapi3.NewCallbackValidator(func(s string) error {
			if format.ok(s) {
				return nil
			}
			return errFormat
		})
	}
	return validators
}

// isUUID takes the form of RFC 9562, section 4, of any version and variant,
// in either case: what a client sends need not be random.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return false
			}
		} else if !isHex(s[i]) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil && len(s) == len(time.DateOnly)
}

// isDateTime takes RFC 3339, section 5.6, with T and Z in upper case and leap
// seconds.
func isDateTime(s string) bool {
	if len(s) < len("2006-01-02T15:04:05Z") || !isDate(s[:10]) || s[10] != 'T' {
		return false
	}
	if !isClock(s[11:16], 23) || s[16] != ':' || !isBelow(s[17:19], 60) {
		return false
	}
	zone := s[19:]
	if zone[0] == '.' {
		digits := strings.TrimLeft(zone[1:], "0123456789")
		if len(digits) == len(zone)-1 {
			return false
		}
		zone = digits
	}
	return zone == "Z" || len(zone) == 6 && (zone[0] == '+' || zone[0] == '-') && isClock(zone[1:], 23)
}

// isClock takes hh:mm with the hour up to a bound.
func isClock(s string, hours int) bool {
	return isBelow(s[:2], hours) && s[2] == ':' && isBelow(s[3:5], 59)
}

func isBelow(digits string, most int) bool {
	tens, ones := int(digits[0])-'0', int(digits[1])-'0'
	return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 && tens*10+ones <= most
}

// isURI takes an absolute URI of RFC 3986: a scheme, and something behind it.
func isURI(s string) bool {
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"<>\^{}|`+"`", r) }) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "" || u.Path != "")
}

// isEmail takes what has one @ with something plausible on both sides.
func isEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && len(local) <= 64 && !strings.ContainsAny(s, " \t\r\n<>\",;") && isHostname(domain)
}

func isHostname(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.ContainsFunc(label, func(r rune) bool { return !isAlphanumeric(r) && r != '-' }) {
			return false
		}
	}
	return true
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func isIPv4(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is4()
}

func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6() && a.Zone() == ""
}
