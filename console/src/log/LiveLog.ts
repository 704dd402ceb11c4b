import type { OutputChunk } from '../api/shapes';
import { LogBuffer } from './buffer';

/** Screens are told at most this often, however fast the output comes. */
const TELL_EVERY_MS = 60;

const encoder = new TextEncoder();

/** A log that grows: a buffer, and those who watch it. */
export class LiveLog {
  readonly buffer = new LogBuffer();
  ended = false;
  /** Did anything run before this log began? Then a full tail may not be all there is. */
  joinedLate = false;
  #tail: number;
  #bytes = 0;
  #version = 0;
  #listeners = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `tail`: with how many bytes of earlier output it begins. */
  constructor(tail: number) {
    this.#tail = tail;
  }

  /** May there be output before the first that came here? */
  get mayBeCut(): boolean {
    return this.joinedLate && this.#bytes >= this.#tail;
  }

  append(chunk: OutputChunk): void {
    if (this.#bytes < this.#tail) {
      this.#bytes += chunk.bytes_base64 ? (chunk.bytes_base64.length / 4) * 3 : encoder.encode(chunk.text ?? '').length;
    }
    this.buffer.append(chunk);
    this.#timer ??= setTimeout(this.#tell, TELL_EVERY_MS);
  }

  end(): void {
    this.buffer.end();
    this.ended = true;
    this.#tell();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  version = (): number => this.#version;

  #tell = (): void => {
    this.stop();
    this.#version += 1;
    for (const listener of this.#listeners) {
      listener();
    }
  };
}
