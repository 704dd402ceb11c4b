import { isServerLost, onRecovery, serverAnswered, serverLost } from './connection';

/** Most event ids remembered to tell a doubled event. */
const REMEMBERED = 2048;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
const SOUND_MS = 5000;
/** A page that nobody looks at lets its connection go after this long: a browser has only six for each server. */
const HIDDEN_MS = 60_000;

/** Where a stream stands: what to give back after a lost connection, and which output has been seen. */
export class Cursor {
  last: string | null = null;
  #seen = new Set<string>();

  /** Is it the first time that this event comes? Only of events that each have their own id. */
  isNew(id: string): boolean {
    if (id === '') {
      return true;
    }
    if (this.#seen.has(id)) {
      return false;
    }
    this.#seen.add(id);
    if (this.#seen.size > REMEMBERED) {
      for (const oldest of this.#seen) {
        this.#seen.delete(oldest);
        break;
      }
    }
    return true;
  }
}

export function waitBefore(attempt: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.max(0, attempt - 1));
}

export interface StreamOptions {
  /** The address; the cursor of the last event is added. */
  path: string;
  /** Query parameters of the very first connection. */
  first?: Record<string, string>;
  on: Record<string, (data: string, id: string, cursor: Cursor) => void>;
  /** A connection stands, the first or a later one. */
  opened?: () => void;
  /** The server answered with something else than a stream. */
  refused?: () => void;
}

export interface Stream {
  close: () => void;
}

/**
 * Follows server-sent events until closed.
 *
 * A lost connection is opened again with `?after=` the last id: by ourselves and not by the browser, which gives up for good at the
 * first answer that is no stream, as from a proxy whose server restarts.
 */
export function openStream(options: StreamOptions): Stream {
  const cursor = new Cursor();
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let hiddenTimer: ReturnType<typeof setTimeout> | undefined;
  let attempt = 0;
  let openedAt = 0;
  let closed = false;

  const address = (): string => {
    const query = new URLSearchParams(cursor.last !== null ? { after: cursor.last } : (options.first ?? {}));
    return query.size > 0 ? `${options.path}?${query}` : options.path;
  };

  const drop = (): void => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };

  const connect = (): void => {
    drop();
    if (closed) {
      return;
    }
    const here = new EventSource(address());
    source = here;
    here.addEventListener('open', () => {
      openedAt = Date.now();
      serverAnswered();
      options.opened?.();
    });
    here.addEventListener('error', () => {
      const refused = here.readyState === EventSource.CLOSED;
      drop();
      if (closed) {
        return;
      }
      if (refused) {
        options.refused?.();
      } else {
        serverLost();
      }
      // What stood for a while was sound; what breaks at once is asked for less and less often.
      attempt = openedAt > 0 && Date.now() - openedAt > SOUND_MS ? 0 : attempt + 1;
      openedAt = 0;
      timer = setTimeout(connect, waitBefore(attempt));
    });
    for (const [name, heard] of Object.entries(options.on)) {
      here.addEventListener(name, (event: MessageEvent<string>) => {
        if (source === here && !closed) {
          heard(event.data, event.lastEventId, cursor);
          if (event.lastEventId !== '') {
            cursor.last = event.lastEventId;
          }
        }
      });
    }
  };

  const soon = (): void => {
    if (source === null && !closed) {
      attempt = 0;
      connect();
    }
  };

  const looked = (): void => {
    clearTimeout(hiddenTimer);
    if (document.hidden) {
      hiddenTimer = setTimeout(drop, HIDDEN_MS);
    } else if (!isServerLost()) {
      soon();
    }
  };

  const forgetRecovery = onRecovery(soon);
  document.addEventListener('visibilitychange', looked);
  window.addEventListener('online', soon);
  connect();

  return {
    close: () => {
      closed = true;
      drop();
      clearTimeout(hiddenTimer);
      forgetRecovery();
      document.removeEventListener('visibilitychange', looked);
      window.removeEventListener('online', soon);
    },
  };
}
