package evilserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// part is one case: what the client is offered, and what it must have done when the time is up.
type part struct {
	name, did string
	offer     func(s *Server, cid string) turn
	// enough says that nothing more needs to be waited for.
	enough func(t turn) bool
	judge  func(t turn) (client string, ok bool)
	needed bool // played even when only others are named: the cases after it build on it
}

// Run plays all cases to the phone that paired, one after the other, and gives what they showed. It begins by activating the phone. The error
// is for a client that never came, not for one that misbehaved.
func (s *Server) Run(ctx context.Context) ([]Result, error) {
	if _, err := s.SAS(ctx); err != nil {
		return nil, fmt.Errorf("no phone has paired: %w", err)
	}
	var all []Result
	for _, p := range parts() {
		if len(s.o.Only) > 0 && !p.needed && !slices.Contains(s.o.Only, p.name) {
			continue
		}
		r, err := s.play(ctx, p)
		if err != nil {
			return all, err
		}
		all = append(all, r)
		s.o.Notice(r)
		if p.needed && !r.OK {
			return all, errors.New("the client does not do the honest thing either; the other cases would prove nothing")
		}
	}
	return all, nil
}

// Names are the names of all cases, in the order in which they are played.
func Names() (names []string) {
	for _, p := range parts() {
		names = append(names, p.name)
	}
	return names
}

func (s *Server) play(ctx context.Context, p part) (Result, error) {
	s.mu.Lock()
	s.n++
	cid := fmt.Sprintf("cnf_%02d_%s", s.n, random(6))
	s.mu.Unlock()
	s.set(func() { s.turn = p.offer(s, cid) })
	looking, stop := context.WithTimeout(ctx, s.o.Attention)
	defer stop()
	_ = s.wait(looking, func() bool { return s.turn.looked() }) // one that never looks is judged as it is
	waiting, stop := context.WithTimeout(ctx, s.o.Patience)
	defer stop()
	_ = s.wait(waiting, func() bool { return p.enough(s.turn) })
	s.mu.Lock()
	t := s.turn
	s.turn = turn{}
	s.mu.Unlock()
	client, ok := p.judge(t)
	return Result{p.name, p.did, client, ok}, ctx.Err()
}

// looked says that the client has seen what there is to see.
func (t turn) looked() bool {
	switch {
	case t.skew:
		return t.asked > 0
	case t.keys != nil:
		return t.fetched
	}
	return t.pulled
}

// parts are all cases, in order.
func parts() []part {
	all := []part{
		honest("activation", "asked, rightly, for the activation of the phone", Old, true, func(f *Fields) { f.Act = "device.activate" }),
		honest("honest-before", "asked, rightly, to show the token", Old, true),
		rotation(),
		honest("honest-after-rotation", "asked, rightly, under the new key", Current, true),
	}
	for _, f := range Forgeries {
		all = append(all, part{name: f.Name, did: f.Did, enough: touched, judge: refused, offer: func(s *Server, cid string) turn {
			r := f.Make(s.scene(cid))
			return turn{cid: cid, listedAs: "scim.token.reveal", reply: &r}
		}})
	}
	for _, c := range Coups {
		all = append(all, part{name: c.Name, did: c.Did, enough: func(t turn) bool { return t.moved != "" }, judge: stayed, offer: func(s *Server, cid string) turn {
			k := c.Make(s.scene(cid))
			return turn{keys: &k, named: k.ServerKey}
		}})
	}
	return append(all, relabelled(), honest("honest-at-last", "asked, rightly, once more: nothing of the above may have harmed the phone", Current, false),
		endlessSkew()) // last, because a client may rightly give up then
}

func answered(t turn) bool { return t.answer != "" }

func touched(t turn) bool { return t.answer != "" || t.opened }

// honest is a question that the client has to answer.
func honest(name, did, key string, needed bool, edit ...func(*Fields)) part {
	return part{name: name, did: did, needed: needed, enough: answered, offer: func(s *Server, cid string) turn {
		scene := s.scene(cid)
		f := scene.honest()
		f.KID = key
		for _, e := range edit {
			e(&f)
		}
		r := scene.signed(f, key)
		if f.Act == "device.activate" {
			return turn{cid: cid, listedAs: f.Act, reply: &r}
		}
		s.state = "active"
		return turn{cid: cid, listedAs: f.Act, reply: &r}
	}, judge: func(t turn) (string, bool) {
		switch {
		case !t.pulled:
			return "did not pull it", false
		case t.answer == "":
			return "did not answer", false
		case t.fault != "":
			return "answered " + t.answer + ", but " + t.fault, false
		}
		return "answered " + t.answer, true
	}}
}

// refused judges a forgery.
func refused(t turn) (string, bool) {
	switch {
	case t.answer != "":
		return "answered " + t.answer, false
	case t.opened:
		return "showed it", false
	case !t.pulled:
		return "did not pull it, so nothing is proved", false
	}
	return "refused it", true
}

// rotation is an honest change of the server's key.
func rotation() part {
	return part{name: "honest-rotation", did: "announced a new key under the pinned one", needed: true, enough: func(t turn) bool { return t.moved != "" },
		offer: func(s *Server, cid string) turn {
			k := Keys{Current, Old, nil}
			k.Announcements = append(k.Announcements, s.scene(cid).Announcement(Old, Current))
			return turn{keys: &k, named: Current}
		}, judge: func(t turn) (string, bool) {
			switch {
			case t.moved == Current:
				return "moved to the new key", true
			case t.moved != "":
				return "moved to " + t.moved, false
			case t.fetched:
				return "asked for the announcement and did not move", false
			}
			return "did not ask for the announcement", false
		}}
}

// stayed judges a coup.
func stayed(t turn) (string, bool) {
	switch {
	case t.moved != "":
		return "moved to " + t.moved, false
	case !t.fetched:
		return "did not ask for the announcement, so nothing is proved", false
	}
	return "stayed with the key it held to", true
}

// relabelled is a real question that the list calls an activation, which apps answer without a screen. The list is not signed.
func relabelled() part {
	return part{name: "relabelled", did: "called a request for the token an activation, in the unsigned list", enough: answered, offer: func(s *Server, cid string) turn {
		scene := s.scene(cid)
		r := scene.Honest()
		return turn{cid: cid, listedAs: "device.activate", reply: &r}
	}, judge: func(t turn) (string, bool) {
		switch {
		case t.answer != "" && !t.opened:
			return "answered " + t.answer + " without showing it", false
		case !t.pulled:
			return "left it alone", true
		case t.answer != "":
			return "showed it, and the person answered", true
		}
		return "left it alone", true
	}}
}

// endlessSkew refuses every call for its clock: a client tries once more and then stops.
func endlessSkew() part {
	const most = 40 // two for each look at the list, some looks within the time
	return part{name: "endless-skew", did: "refused every call with clock_skew", enough: func(t turn) bool { return t.asked > most },
		offer: func(*Server, string) turn { return turn{skew: true} }, judge: func(t turn) (string, bool) {
			switch {
			case t.asked == 0:
				return "did not call, so nothing is proved", false
			case t.asked > most:
				return fmt.Sprintf("called %d times without a pause", t.asked), false
			}
			return fmt.Sprintf("called %d times and waited", t.asked), true
		}}
}

// Misbehaved counts the cases in which the client did the wrong thing.
func Misbehaved(all []Result) (n int) {
	for _, r := range all {
		if !r.OK {
			n++
		}
	}
	return n
}
