import { describe, expect, it } from 'vitest'
import { speaker } from '../src/console/ui/announce'

describe('announcements', () => {
  function speak() {
    const said: string[] = []
    const later: (() => void)[] = []
    const say = speaker((text) => said.push(text), (run) => later.push(run))
    return { said, say, second: () => later.shift()?.() }
  }

  it('come one a second, none lost', () => {
    const { said, say, second } = speak()
    say('one')
    say('two')
    expect(said).toEqual(['one'])
    second()
    expect(said).toEqual(['one', 'two'])
    second()
    say('three')
    expect(said).toEqual(['one', 'two', 'three'])
  })

  it('differ when the same text comes again', () => {
    const { said, say, second } = speak()
    for (let i = 0; i < 3; i++) {
      say('same')
      second()
    }
    expect(said).toEqual(['same', 'same\u200b', 'same'])
  })
})
