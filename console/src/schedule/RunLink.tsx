import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';

import { runQuery } from '../api/queries';
import type { RunSummary } from '../api/shapes';
import { hasEnded } from '../live/reduce';
import { Ago } from '../show/Moments';
import { StateLabel } from '../show/State';

const EVERY_MS = 5000;

interface RunLinkProps {
  project: string;
  run: string;
  /** What is known of it already. */
  known?: Pick<RunSummary, 'state' | 'requested_at'>;
  age?: boolean;
}

/** A run by its state and age; it is asked for unless it is known, and again until it has ended. */
export function RunLink({ project, run, known, age = true }: RunLinkProps) {
  const { data, error } = useQuery({
    ...runQuery(project, run),
    enabled: known === undefined,
    refetchInterval: ({ state }) => (state.data !== undefined && hasEnded(state.data.state) ? false : EVERY_MS),
    staleTime: ({ state }) => (state.data !== undefined && hasEnded(state.data.state) ? Infinity : 0),
  });
  const shown = known ?? data;
  if (shown === undefined && error !== null) {
    return <span className="sb-faint">not kept</span>;
  }
  return (
    <Link className="sb-last-run" to={`/p/${encodeURIComponent(project)}/runs/${run}`}>
      {shown === undefined ? (
        <code>{run.slice(-12)}</code>
      ) : (
        <>
          <StateLabel state={shown.state} />
          {age && <Ago at={shown.requested_at} />}
        </>
      )}
    </Link>
  );
}
