import { FormSelect, FormSelectOption } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useSearchParams } from 'react-router';

import { happeningsQuery } from '../../api/queries';
import type { Happening, HealthChangeView } from '../../api/shapes';
import { Loading } from '../../show/Loading';
import { Moment } from '../../show/Moments';
import { apiPath } from '../../show/places';
import { TroubleNote } from '../../show/Trouble';
import { useMore } from '../../show/useMore';
import { useNow } from '../../show/useNow';
import { HappeningRow } from './HappeningRow';
import { LANE_NAMES, byLane, cutLanes, inEnvironment, keyOf, runOf } from './happenings';
import { Section } from './Section';
import { TimeAxis } from './TimeAxis';

const HOUR = 3_600_000;
const SPANS = { '1h': HOUR, '6h': 6 * HOUR, '24h': 24 * HOUR, '7d': 7 * 24 * HOUR, '30d': 30 * 24 * HOUR };
type Span = keyof typeof SPANS;
const SPAN_NAMES: Record<Span, string> = {
  '1h': 'Last hour',
  '6h': 'Last 6 hours',
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
};
const USUAL: Span = '24h';
const FEW = 12;
const RUNS_EVERY_MS = 10_000;
/** The axis moves on by so much at once. */
const STEP_MS = 15_000;

function isSpan(name: string | null): name is Span {
  return name !== null && name in SPANS;
}

interface ListProps {
  project: string;
  service: string;
  happenings: Happening[];
  changes: HealthChangeView[];
}

function List({ project, service, happenings, changes }: ListProps) {
  const { shown, more } = useMore(happenings, FEW);
  return (
    <>
      <ol className="sb-happenings" aria-label="What changed, newest first">
        {shown.map((happening) => (
          <HappeningRow
            key={keyOf(happening)}
            project={project}
            happening={happening}
            service={service}
            run={runOf(happening, changes)}
            time={<Moment at={happening.at} />}
          />
        ))}
      </ol>
      {more}
    </>
  );
}

interface WhatChangedProps {
  project: string;
  service: string;
  environment: string | null;
  changes: HealthChangeView[];
}

/** Runs, health, facts and what did not start, on one time axis. */
export function WhatChanged({ project, service, environment, changes }: WhatChangedProps) {
  const [query, setQuery] = useSearchParams();
  const said = query.get('span');
  const span = isSpan(said) ? said : USUAL;
  const now = useNow(STEP_MS) + STEP_MS;
  const { data, error } = useQuery({
    ...happeningsQuery(project, service, SPANS[span]),
    // The stream of services tells no runs, and a second stream would be one of the six that a browser has.
    refetchInterval: RUNS_EVERY_MS,
  });
  const happenings = useMemo(() => inEnvironment(data ?? [], environment), [data, environment]);
  const lanes = useMemo(() => byLane(happenings), [happenings]);
  const [picked, pick] = useState<ReadonlySet<string> | null>(null);
  const pickedOut = picked === null ? [] : happenings.filter((happening) => picked.has(keyOf(happening)));
  const cut = cutLanes(lanes);

  const choose = (name: string): void => {
    const next = new URLSearchParams(query);
    next.delete('span');
    if (name !== USUAL) {
      next.set('span', name);
    }
    pick(null);
    setQuery(next, { replace: true, preventScrollReset: true });
  };
  const from = new Date(now - SPANS[span]).toISOString();
  return (
    <Section
      title="What changed"
      json={`${apiPath(project, 'services', service, 'happenings')}?from=${from}`}
      beside={
        <FormSelect
          aria-label="How far back"
          className="sb-span"
          value={span}
          onChange={(_event, name) => choose(name)}
        >
          {Object.entries(SPAN_NAMES).map(([name, label]) => (
            <FormSelectOption key={name} value={name} label={label} />
          ))}
        </FormSelect>
      }
    >
      {data === undefined ? (
        error === null ? (
          <Loading />
        ) : (
          <TroubleNote error={error} />
        )
      ) : (
        <>
          <TimeAxis
            project={project}
            on={{ from: now - SPANS[span], to: now }}
            lanes={lanes}
            changes={changes}
            look={(at) => pick(new Set(at.map(keyOf)))}
          />
          {cut.length > 0 && (
            <p className="sb-faint">
              Only the newest 200 are shown of: {cut.map((lane) => LANE_NAMES[lane].toLowerCase()).join(', ')}.
            </p>
          )}
          {picked !== null && (
            <p role="status">
              {pickedOut.length} of {happenings.length}{' '}
              <button type="button" className="sb-plain-button" onClick={() => pick(null)}>
                Show all
              </button>
            </p>
          )}
          {happenings.length === 0 ? (
            <p className="sb-faint">Nothing ran and nothing changed in that time.</p>
          ) : (
            <List
              project={project}
              service={service}
              happenings={picked === null ? happenings : pickedOut}
              changes={changes}
            />
          )}
        </>
      )}
    </Section>
  );
}
