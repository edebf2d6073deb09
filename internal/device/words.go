package device

import (
	"crypto/rand"
	"math/big"
	"strings"
)

// vocabulary are short English words that sound unlike each other on a bad line; three of them are read to a colleague. They are the same in
// every language of the screens.
var vocabulary = strings.Fields("acorn actor album amber anchor apple apron arrow atlas autumn avocado badge bagel balcony bamboo banjo basil basket beacon bicycle biscuit " +
	"blanket blossom bottle bridge bronze bucket butter button cabin cactus camel candle canoe canyon carbon carpet castle cedar cello cherry " +
	"chimney circus clover cobalt coffee comet copper coral cotton cousin cradle crayon cricket crystal curtain cymbal dragon drummer eagle " +
	"easel echo elbow ember engine falcon feather fiddle flannel flute forest fossil galaxy garden garlic ginger glacier guitar hammer harbor " +
	"harvest hazel helmet honey igloo indigo island ivory jacket jasmine jigsaw jungle kettle kitten ladder lantern lemon lentil lizard lobster " +
	"magnet mango maple marble meadow melon mirror mitten monkey mosaic muffin napkin nectar needle nutmeg oasis olive onion orange orchid " +
	"otter oyster paddle panther parrot pebble pencil pepper piano pickle pigeon pillow planet pocket polar poppy potato pumpkin puzzle rabbit " +
	"radish raven ribbon river robin rocket saddle saffron salmon sandal satin scarf season shadow silver spider sponge squirrel summer sunset " +
	"tailor teapot temple thimble thunder ticket tiger timber tomato trumpet tulip tunnel turtle umbrella valley velvet violin volcano waffle " +
	"walnut walrus whistle willow window winter wizard yogurt zebra zipper")

// drawWords is n groups of three words each; no word comes twice, so that no group can be mistaken for another.
func drawWords(n int) []string {
	left := append([]string(nil), vocabulary...)
	out := make([]string, n)
	for i := range out {
		group := make([]string, 3)
		for j := range group {
			k := draw(len(left))
			group[j] = left[k]
			left[k] = left[len(left)-1]
			left = left[:len(left)-1]
		}
		out[i] = strings.Join(group, " ")
	}
	return out
}

// draw is a uniform number below n.
func draw(n int) int {
	k, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic("device: the operating system gives no randomness: " + err.Error())
	}
	return int(k.Int64())
}
