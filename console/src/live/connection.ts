/**
 * Is the server there? Streams and requests report what they see; the banner reads it.
 *
 * While it is lost one probe asks again and again, so that a page without a stream recovers too.
 */
type Listener = () => void;

const PROBE_EVERY_MS = 3000;

let lost = false;
let probe: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<Listener>();
const recoveries = new Set<Listener>();

function tell(): void {
  for (const listener of listeners) {
    listener();
  }
}

async function ask(): Promise<void> {
  try {
    const answer = await fetch('/readyz', { cache: 'no-store' });
    if (answer.ok) {
      serverAnswered();
    }
  } catch {
    // Still lost.
  }
  schedule();
}

function schedule(): void {
  clearTimeout(probe);
  probe = lost ? setTimeout(() => void ask(), PROBE_EVERY_MS) : undefined;
}

export function serverLost(): void {
  if (!lost) {
    lost = true;
    schedule();
    tell();
  }
}

export function serverAnswered(): void {
  if (lost) {
    lost = false;
    schedule();
    tell();
    for (const recovered of recoveries) {
      recovered();
    }
  }
}

export function isServerLost(): boolean {
  return lost;
}

export function onConnectionChange(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Called each time that a lost server is there again. */
export function onRecovery(listener: Listener): () => void {
  recoveries.add(listener);
  return () => recoveries.delete(listener);
}
