package workspace

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
)

// AddressMode is what a token's address list does.
type AddressMode string

// The modes. A list begins by observing: what it would refuse is seen before it refuses anything.
const (
	AddressesOff     AddressMode = "off"
	AddressesObserve AddressMode = "observe"
	AddressesEnforce AddressMode = "enforce"
)

const (
	mostAddresses = 100                 // networks of a list
	keepSeen      = 30 * 24 * time.Hour // how long it is known from where a token was used
	mostSeen      = 200                 // addresses of a token that are shown
)

// What address lists refuse.
var (
	ErrAddress = fault.New(fault.Forbidden, "address_refused", "This token may not be used from this address. An admin of the workspace keeps the list of addresses in its token details.")
	ErrList    = fault.New(fault.Invalid, "bad_addresses", "The list has up to 100 addresses or networks such as 203.0.113.7 or 2001:db8::/32, and is not empty where it is enforced; the mode is off, observe or enforce.")
)

// Addresses is from where a token may be used.
type Addresses struct {
	Mode AddressMode
	List []string // networks in CIDR notation, in order
}

// Normal checks a list and gives each network its one form, without doubles, in order.
func (a Addresses) Normal() (Addresses, error) {
	if !slices.Contains([]AddressMode{AddressesOff, AddressesObserve, AddressesEnforce}, a.Mode) || len(a.List) > mostAddresses {
		return a, ErrList
	}
	var nets []netip.Prefix
	for _, text := range a.List {
		p, err := network(strings.TrimSpace(text))
		if err != nil {
			return a, ErrList.With("address", clip(text, 100)).Because(err)
		}
		nets = append(nets, p)
	}
	slices.SortFunc(nets, func(x, y netip.Prefix) int {
		if c := x.Addr().Compare(y.Addr()); c != 0 {
			return c
		}
		return x.Bits() - y.Bits()
	})
	out := Addresses{Mode: a.Mode, List: []string{}}
	for _, p := range slices.Compact(nets) {
		out.List = append(out.List, p.String())
	}
	if a.Mode == AddressesEnforce && len(out.List) == 0 {
		return a, ErrList
	}
	return out, nil
}

// network reads an address or a network; IPv4 in IPv6's clothes is IPv4, as it is when an address is looked for.
func network(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, err
		}
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if mapped := 128 - 32; err == nil && p.Addr().Is4In6() && p.Bits() >= mapped {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p.Masked(), err
}

// Holds says whether an address is on the list. What is no address is not.
func (a Addresses) Holds(ip string) bool {
	at, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	at = at.Unmap().WithZone("")
	for _, text := range a.List {
		if p, err := netip.ParsePrefix(text); err == nil && p.Contains(at) {
			return true
		}
	}
	return false
}

func split(list string) []string { return strings.Fields(list) }

func join(list []string) string { return strings.Join(list, "\n") }

// Caller is where a SCIM call comes from: the address that trusted proxies vouch for, nothing that the caller says itself.
type Caller struct {
	IP        string
	UserAgent string
	// Outside is set by Authenticate where the address is not on the token's list and the list only observes.
	Outside bool
}

type callerKey struct{}

// CalledFrom notes in a context where a call comes from, for Authenticate and Used.
func CalledFrom(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

func callerOf(ctx context.Context) *Caller {
	if c, ok := ctx.Value(callerKey{}).(*Caller); ok {
		return c
	}
	return &Caller{}
}

// addressed judges a call by the token's list.
func (s *Service) addressed(ctx context.Context, t Token) error {
	from := callerOf(ctx)
	if t.Addresses.Holds(from.IP) {
		return nil
	}
	if t.Addresses.Mode == AddressesObserve {
		from.Outside = true
		return nil
	}
	if now, err := s.db.Now(ctx); err == nil && from.IP != "" && s.used.due("refused|"+t.ID+"|"+from.IP, now) {
		_ = s.db.InTx(ctx, func(tx database.Tx) error { return refusedFrom(tx, t.ID, *from, now) }) // best effort: the log has the call as well
	}
	return ErrAddress
}

// SetAddresses changes from where a token may be used. The caller has had it confirmed.
func (s *Service) SetAddresses(tx database.Tx, by actor.Actor, workspace, id string, a Addresses) error {
	a, err := a.Normal()
	if err != nil {
		return err
	}
	t, now, err := owned(tx, by, workspace, id)
	if err != nil {
		return err
	}
	if !t.Live(now) {
		return ErrNoToken
	}
	if err := change(tx, id, map[string]any{"address_mode": a.Mode, "addresses": join(a.List)}); err != nil {
		return err
	}
	detail := audit.Detail{"hint": t.Hint, "mode": string(a.Mode), "from_mode": string(t.Addresses.Mode), "addresses": a.List}
	if err := audit.RecordAt(tx, by, "token.addresses_changed", id, detail, now); err != nil {
		return err
	}
	return s.say(tx, Event{Kind: TokenAddresses, Workspace: workspace, By: by, Token: id, At: now,
		Params: Params{"hint": t.Hint, "person": by.Name, "mode": string(a.Mode)}})
}

// Seen is an address from which a token was used, or was refused.
type Seen struct {
	IP        string
	Client    string
	UserAgent string
	FirstAt   time.Time
	LastAt    time.Time
	RefusedAt *time.Time // when it was last refused for not being on the list
}

type seenRow struct {
	TokenID   string
	IP        string `gorm:"column:ip"`
	Client    string
	UserAgent string
	FirstAt   time.Time
	LastAt    time.Time
	RefusedAt *time.Time
}

func (seenRow) TableName() string { return "scim_token_addresses" }

func seenFrom(tx database.Tx, token string, from Caller, client string, now time.Time) error {
	return tx.Exec(`INSERT INTO scim_token_addresses (token_id, ip, client, user_agent, first_at, last_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (token_id, ip) DO UPDATE SET client = excluded.client, user_agent = excluded.user_agent, last_at = excluded.last_at`,
		token, clip(from.IP, 64), client, clip(from.UserAgent, 256), now, now).Error
}

func refusedFrom(tx database.Tx, token string, from Caller, now time.Time) error {
	return tx.Exec(`INSERT INTO scim_token_addresses (token_id, ip, user_agent, first_at, last_at, refused_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (token_id, ip) DO UPDATE SET last_at = excluded.last_at, refused_at = excluded.refused_at`,
		token, clip(from.IP, 64), clip(from.UserAgent, 256), now, now, now).Error
}

// SeenFrom are the addresses from which a token was used in the last 30 days, the last first.
func SeenFrom(db *gorm.DB, token string, now time.Time) ([]Seen, error) {
	var rows []seenRow
	err := db.Where("token_id = ? AND last_at > ?", token, now.Add(-keepSeen)).Order("last_at DESC, ip").Limit(mostSeen).Find(&rows).Error
	out := make([]Seen, len(rows))
	for i, r := range rows {
		out[i] = Seen{IP: r.IP, Client: r.Client, UserAgent: r.UserAgent, FirstAt: r.FirstAt, LastAt: r.LastAt, RefusedAt: r.RefusedAt}
	}
	return out, err
}

// Sweep forgets addresses that have not been heard of for 30 days.
func (s *Service) Sweep(ctx context.Context) error {
	return s.db.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return tx.Where("last_at <= ?", now.Add(-keepSeen)).Delete(&seenRow{}).Error
	})
}
