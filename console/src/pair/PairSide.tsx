import { useQueries } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';

import type { ServiceView } from '../api/shapes';
import { HealthMark } from '../show/HealthMark';
import { Icon } from '../show/Icon';
import { VisibleText } from '../show/VisibleText';
import { worst } from './difference';
import { Facts } from './Facts';
import { Happenings } from './Happenings';
import './pair.css';
import { serviceQuery } from './queries';
import { ServiceNow } from './ServiceNow';
import type { Place } from './shapes';

/** What the folded view says on a small screen. */
function Summary({
  places,
  views,
  note,
}: {
  places: Place[];
  views: (ServiceView | null | undefined)[];
  note: string;
}) {
  const healths = places.map(
    ({ environment }, at) =>
      views[at]?.environments.find((there) => there.environment === environment)?.health.health ?? 'unknown',
  );
  const since = views[0]?.environments.find(({ environment }) => environment === places[0]?.environment)?.health.since;
  const names = [...new Set(places.map(({ service }) => service))];
  return (
    <>
      <HealthMark health={worst(healths)} since={note === '' && places.length === 1 ? since : null} />
      <span className="sb-pair-summary-name">
        <VisibleText text={names.map((name, at) => views[at]?.service.title ?? name).join(', ')} />{' '}
        <span className="sb-faint">
          <VisibleText text={[...new Set(places.map(({ environment }) => environment))].join(', ')} />
          {note !== '' && ` · ${note}`}
        </span>
      </span>
    </>
  );
}

interface PairSideProps {
  project: string;
  places: Place[];
  /** Of a run: what is said before how things are now. */
  children?: ReactNode;
  /** That in a few words. */
  note?: string;
  /** Facts and changes too, or only how they are. */
  whole?: boolean;
  run?: string;
}

/** The left of the pair: how that is on which one acts. On a small screen it is a line that opens. */
export function PairSide({ project, places, children, note = '', whole = true, run }: PairSideProps) {
  const [open, setOpen] = useState(false);
  const views = useQueries({ queries: places.map(({ service }) => serviceQuery(project, service)) });
  return (
    <aside className="sb-pair-view" aria-label="How it is" data-open={open || undefined}>
      <button type="button" className="sb-pair-summary" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Summary places={places} views={views.map(({ data }) => data)} note={note} />
        <Icon name={open ? 'up' : 'down'} />
      </button>
      <div className="sb-pair-body">
        {children}
        <section className="sb-pair-part" aria-label="Now">
          {children && <h2 className="sb-pair-head">Now</h2>}
          {places.map((place) => (
            <div key={`${place.service} ${place.environment}`} className="sb-pair-place">
              <ServiceNow project={project} place={place} />
              {whole && <Facts project={project} place={place} />}
              {whole && <Happenings project={project} place={place} run={run} />}
            </div>
          ))}
        </section>
      </div>
    </aside>
  );
}
