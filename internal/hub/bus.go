package hub

import "context"

// Tx is what a bus needs of the transaction that decides; database.Tx has both.
type Tx interface {
	// AfterCommit keeps f until the transaction is committed.
	AfterCommit(f func())
	// Notify tells other processes at commit, and only then; where there are none it does nothing.
	Notify(channel, payload string) error
}

// Bus carries hints from where a row changed to where somebody waits for it. A bus may lose, double, delay and reorder them, and split the
// processes into halves that do not hear each other: whoever waits reads the row, and a safety poll covers the rest. It may never announce
// what was rolled back.
type Bus interface {
	// Publish is called inside the transaction that changes topic's row to version; nobody hears of it before the commit.
	Publish(tx Tx, topic string, version int64) error
	// Run brings the hints of other processes to those who wait here, until ctx ends. An error means that it never will.
	Run(ctx context.Context) error
}

// Here is the bus of one process alone.
func Here(h *Hub) Bus { return here{h} }

type here struct{ hub *Hub }

func (b here) Publish(tx Tx, topic string, version int64) error {
	tx.AfterCommit(func() { b.hub.Publish(topic, version) })
	return nil
}

func (b here) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
