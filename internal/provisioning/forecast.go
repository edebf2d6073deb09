package provisioning

import "time"

// Forecast says what Entra ID is likely to do by the rules that Microsoft publishes for its quarantine. It is made for Entra ID alone: of
// no other provider such rules are known. It is a forecast, because only Entra ID knows whether a job is in quarantine.
type Forecast struct {
	Level     string // "none", "watch" or "likely"
	Sentences []Sentence
	OffBy     *time.Time // when the job would be turned off, if it has been in quarantine since the first sign
}

// Entra's published rules.
const (
	quarantineEvents   = 5_000  // events of a cycle from which on a share of failures counts
	quarantineShare    = 40     // percent of them that failed
	quarantineFailures = 40_000 // failures that count whatever their share
	watchShare         = 20     // percent from which on it is worth watching; ours
)

// forecast is nil for other providers.
func forecast(f facts, last Cycle) *Forecast {
	if last.Client != Entra {
		return nil
	}
	out := &Forecast{Level: "none", Sentences: []Sentence{}}
	out.credentials(f)
	out.failures(last)
	out.silence(f)
	if out.Level == "none" {
		out.infer("calm", "By its published rules Entra ID has no reason in this traffic to put the job into quarantine.")
	}
	return out
}

func (o *Forecast) infer(code, format string, args ...any) {
	o.Sentences = append(o.Sentences, inferred(code, format, args))
}

func (o *Forecast) credentials(f facts) {
	if f.refused == nil && f.live {
		return
	}
	o.Level = "likely"
	since := f.last
	if f.refused != nil {
		since = f.refused.At
	}
	off := since.Add(offAfter)
	o.OffBy = &off
	o.infer("credentials", "Entra ID puts a job into quarantine when its token is refused. It tries again after 6, 12 and 24 hours and then once a day,"+
		" and turns the job off after 28 days: on about %s.", off)
}

// OffSoon is when Entra ID turns off a job that has made no good call for three weeks; nil before, after, and of other providers.
func (h Health) OffSoon() *time.Time {
	if h.Client != Entra || h.LastCall == nil {
		return nil
	}
	off := h.LastCall.Add(offAfter)
	if h.Forecast != nil && h.Forecast.OffBy != nil {
		off = *h.Forecast.OffBy
	}
	if h.Now.Before(off.Add(-offWarned)) || !h.Now.Before(off) {
		return nil
	}
	return &off
}

// silence: a job in quarantine still calls once a day, so one that does not call at all is not in quarantine but off.
func (o *Forecast) silence(f facts) {
	quiet := f.now.Sub(f.last) - f.slept(f.last, f.now)
	if quiet < 2*24*time.Hour || o.Level == "likely" {
		return
	}
	o.Level = "watch"
	o.infer("quiet", "Even in quarantine Entra ID calls once a day. It has not called for %s, so the job is probably paused or turned off.", about(quiet))
}

func (o *Forecast) failures(last Cycle) {
	tried, failed := last.tried(), last.Failed
	if tried == 0 || failed == 0 {
		return
	}
	share := 100 * failed / tried
	switch {
	case failed >= quarantineFailures:
		o.Level = "likely"
		o.infer("failures", "%d changes of the last cycle failed. From 40,000 on Entra ID puts a job into quarantine.", failed)
	case tried >= quarantineEvents && share > quarantineShare:
		o.Level = "likely"
		o.infer("share", "%d of %d changes of the last cycle failed (%d %%). Above 40 %% of 5,000 or more Entra ID puts a job into quarantine.", failed, tried, share)
	case share > watchShare:
		if o.Level == "none" {
			o.Level = "watch"
		}
		o.infer("watch", "%d of %d changes of the last cycle failed (%d %%). Entra ID's rule looks at cycles of 5,000 changes or more, of which over 40 %% failed.", failed, tried, share)
	}
}
