import { NoAnswerError } from './problem';

/** A key that no other request has. `crypto.randomUUID` is missing where a console is served without TLS. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * The `Idempotency-Key` of a form.
 *
 * The same submission keeps its key while nobody knows whether it arrived, so that trying again cannot start a second run;
 * anything the server answered, and any other body, gets a new one.
 */
export class OnceKey {
  #key = newKey();
  #body = '';

  for(body: unknown): string {
    const text = JSON.stringify(body);
    if (text !== this.#body) {
      this.#body = text;
      this.#key = newKey();
    }
    return this.#key;
  }

  settled(error: unknown): void {
    if (!(error instanceof NoAnswerError)) {
      this.#body = '';
    }
  }
}
