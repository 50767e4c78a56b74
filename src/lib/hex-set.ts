/** Digits of a key: 128 bits, four words of 8 digits. */
const KEY_DIGITS = 32;
const WORDS = 4;
const WORD_DIGITS = KEY_DIGITS / WORDS;
const FIRST_CAPACITY = 1_024;

/** Keys of 32 hex digits, such as identity hashes: 32 to 64 bytes each, where a Set of strings takes about 120 and leaves garbage. */
interface HexSet extends Disposable {
  /** False if the key is there already. @throws {RangeError} for anything but 32 hex digits. */
  add(key: string): boolean;
  readonly size: number;
}

/** Open addressing with linear probing: the keys are hashes already, their first word is the place to look. */
export function hexSet(): HexSet {
  let capacity = FIRST_CAPACITY;
  let table = new Uint32Array(capacity * WORDS);
  let size = 0;
  let hasZero = false; // Four zeros mark a free place.

  /** False if it is there already. */
  function put(into: Uint32Array, key: Uint32Array): boolean {
    const mask = into.length / WORDS - 1;
    for (let place = (key[0] ?? 0) & mask; ; place = (place + 1) & mask) {
      const at = place * WORDS;
      if (isZero(into, at)) {
        into.set(key, at);
        return true;
      }
      if (into[at] === key[0] && into[at + 1] === key[1] && into[at + 2] === key[2] && into[at + 3] === key[3]) return false;
    }
  }

  function grow(): void {
    capacity *= 2;
    const larger = new Uint32Array(capacity * WORDS);
    for (let at = 0; at < table.length; at += WORDS) if (!isZero(table, at)) put(larger, table.subarray(at, at + WORDS));
    release(table);
    table = larger;
  }

  return {
    add(key) {
      const words = wordsOf(key);
      const isNew = isZero(words, 0) ? !hasZero : put(table, words);
      hasZero ||= isZero(words, 0);
      if (isNew) size++;
      if (size * 2 > capacity) grow();
      return isNew;
    },
    get size() {
      return size;
    },
    [Symbol.dispose]: () => release(table),
  };
}

/** Gives the memory back now: the collector, which sees a small heap, may leave it for minutes. */
function release({ buffer }: Uint32Array<ArrayBuffer>): void {
  buffer.transfer(0);
}

function wordsOf(key: string): Uint32Array {
  if (!/^[0-9a-f]{32}$/.test(key)) throw new RangeError(`not ${KEY_DIGITS} hex digits: ${JSON.stringify(key)}`);
  return Uint32Array.from({ length: WORDS }, (_, word) => Number.parseInt(key.slice(word * WORD_DIGITS, (word + 1) * WORD_DIGITS), 16));
}

function isZero(words: Uint32Array, at: number): boolean {
  return words[at] === 0 && words[at + 1] === 0 && words[at + 2] === 0 && words[at + 3] === 0;
}
