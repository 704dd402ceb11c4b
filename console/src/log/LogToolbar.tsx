import type { KeyboardEvent } from 'react';

import { Icon } from '../show/Icon';

interface LogToolbarProps {
  query: string;
  search: (query: string) => void;
  found: number;
  current: number;
  go: (by: number) => void;
  follow: boolean;
  setFollow: (on: boolean) => void;
  live: boolean;
  wrap: boolean;
  setWrap: (on: boolean) => void;
  times: boolean;
  setTimes: (on: boolean) => void;
  raw: string;
}

function Toggle({ on, set, children }: { on: boolean; set: (on: boolean) => void; children: string }) {
  return (
    <button type="button" className="sb-log-button" aria-pressed={on} onClick={() => set(!on)}>
      {children}
    </button>
  );
}

export function LogToolbar(props: LogToolbarProps) {
  const { query, search, found, current, go, follow, setFollow, live, wrap, setWrap, times, setTimes, raw } = props;
  const key = (event: KeyboardEvent): void => {
    if (event.key === 'Enter') {
      event.preventDefault();
      go(event.shiftKey ? -1 : 1);
    } else if (event.key === 'Escape') {
      search('');
    }
  };
  return (
    <div className="sb-log-toolbar" role="group" aria-label="Log tools">
      <div className="sb-log-search">
        <Icon name="search" />
        <input
          type="search"
          aria-label="Search the log"
          placeholder="Search"
          value={query}
          onChange={(event) => search(event.target.value)}
          onKeyDown={key}
          spellCheck={false}
          autoComplete="off"
        />
        <span className="sb-log-count" role="status">
          {query === '' ? '' : found === 0 ? 'none' : `${current} of ${found.toLocaleString('en')} lines`}
        </span>
        <button type="button" aria-label="Previous match" disabled={found === 0} onClick={() => go(-1)}>
          <Icon name="up" />
        </button>
        <button type="button" aria-label="Next match" disabled={found === 0} onClick={() => go(1)}>
          <Icon name="down" />
        </button>
      </div>
      <div className="sb-log-toggles">
        <Toggle on={follow} set={setFollow}>
          {live ? 'Follow' : 'To the end'}
        </Toggle>
        <Toggle on={wrap} set={setWrap}>
          Wrap
        </Toggle>
        <Toggle on={times} set={setTimes}>
          Times
        </Toggle>
        <a className="sb-log-button" href={raw} target="_blank" rel="noopener noreferrer">
          Raw <Icon name="external" />
        </a>
      </div>
    </div>
  );
}
