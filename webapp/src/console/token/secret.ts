// A token on its way from the answer to the dialog: in memory only, and gone when wiped.

export class Secret {
  #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The value, or "" after wiping. */
  read(): string {
    return this.#value
  }

  wipe(): void {
    this.#value = ''
  }

  /** Keeps it out of logs and error texts. */
  toJSON(): string {
    return '[secret]'
  }
}

/** "••••••••••••9f2c" */
export function masked(hint: string): string {
  return `${'•'.repeat(12)}${hint.replace(/^[….]+/, '')}`
}
