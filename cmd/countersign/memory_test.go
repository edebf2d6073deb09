package main

import "testing"

func TestRoomForGarbageIsTheSameHoweverMuchIsAlive(t *testing.T) {
	for _, c := range []struct {
		name  string
		alive uint64
		room  uint64
	}{
		{"a service at rest", 10 << 20, 20 << 20},
		{"ten thousand dialogs", 36 << 20, 20 << 20},
		{"twenty thousand dialogs", 58 << 20, 20 << 20},
		{"a large heap has a quarter of itself", 400 << 20, 100 << 20},
		{"a small one three times itself", 2 << 20, 6 << 20},
		{"before the first collection there is nothing to judge by", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.alive * uint64(percent(c.alive)) / 100
			if most := c.alive / 100; got > c.room || got+most < c.room { // a percentage is a whole number
				t.Errorf("%d bytes of room at %d %%, want %d", got, percent(c.alive), c.room)
			}
		})
	}
}
