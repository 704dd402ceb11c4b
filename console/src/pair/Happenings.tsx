import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';

import type { Happening } from '../api/shapes';
import { healthWord } from '../show/healthWords';
import { Ago, ClockTime } from '../show/Moments';
import { Prose } from '../show/Prose';
import { StateLabel } from '../show/State';
import { VisibleText } from '../show/VisibleText';
import { FactName } from './Facts';
import { type Told, inPlace, told } from './happenings';
import { happeningsQuery } from './queries';
import { serviceLink } from './ServiceNow';
import type { Place } from './shapes';

const FEW = 8;
const SHORT = 32;

/** A value, cut if it is long; all of it on hover. */
function Short({ text }: { text: string }) {
  return text.length <= SHORT ? (
    <code>
      <VisibleText text={text} />
    </code>
  ) : (
    <code title={text}>
      <VisibleText text={text.slice(0, SHORT - 8)} />…
    </code>
  );
}

function What({ happening, project }: { happening: Happening; project: string }) {
  const root = `/p/${encodeURIComponent(project)}`;
  switch (happening.what) {
    case 'run':
      return (
        <>
          <Link to={`${root}/runs/${happening.run.id}`}>
            <VisibleText text={happening.run.title ?? happening.run.runbook} />
          </Link>{' '}
          <StateLabel state={happening.run.state} />{' '}
          <span className="sb-faint">
            <VisibleText text={happening.run.requested_by} />
          </span>
        </>
      );
    case 'health':
      return (
        <>
          {healthWord(happening.before)} → <strong>{healthWord(happening.health)}</strong>{' '}
          <span className="sb-faint">
            <Prose text={happening.cause} />
          </span>
        </>
      );
    case 'fact':
      return (
        <>
          <FactName target={happening.target} name={happening.key} />{' '}
          {happening.previous !== null && happening.previous !== undefined && (
            <>
              <Short text={happening.previous} /> →{' '}
            </>
          )}
          {happening.value === null || happening.value === undefined ? 'gone' : <Short text={happening.value} />}
        </>
      );
    case 'firing':
      return (
        <>
          <Link to={`${root}/schedules/${encodeURIComponent(happening.schedule)}`}>
            <VisibleText text={happening.schedule} />
          </Link>{' '}
          did not run{' '}
          <span className="sb-faint">
            <Prose text={happening.reason} />
          </span>
        </>
      );
  }
}

function Line({ line, project }: { line: Told; project: string }) {
  const { first, seen } = line;
  if (seen.length < 2) {
    return <What happening={first} project={project} />;
  }
  return (
    <>
      {seen.length} facts seen first{' '}
      <span className="sb-faint">
        <VisibleText text={seen.slice(0, 4).join(', ')} />
        {seen.length > 4 && ', …'}
      </span>
    </>
  );
}

interface HappeningsProps {
  project: string;
  place: Place;
  /** The run that one looks at is not told again. */
  run?: string;
  from?: string;
  to?: string;
}

/** What changed lately, or between two moments. */
export function Happenings({ project, place, run, from, to }: HappeningsProps) {
  const { data } = useQuery(happeningsQuery(project, place.service, from, to));
  if (data === undefined) {
    return null;
  }
  const all = told(inPlace(data, place, run));
  const head = from === undefined ? 'Changes of the last day' : 'What happened meanwhile';
  return (
    <section aria-label={`${head}: ${place.service}`}>
      <h2 className="sb-pair-head">{head}</h2>
      {all.length === 0 && <p className="sb-faint">None.</p>}
      <ul className="sb-pair-happenings">
        {all.slice(0, FEW).map((line) => (
          <li key={`${line.at} ${JSON.stringify(line.first)}`}>
            <span className="sb-faint sb-pair-when">
              {from === undefined ? <Ago at={line.at} /> : <ClockTime at={line.at} />}
            </span>
            <span className="sb-pair-what">
              <Line line={line} project={project} />
            </span>
          </li>
        ))}
      </ul>
      {all.length > FEW && (
        <Link to={serviceLink(project, place.service)} className="sb-pair-more">
          {all.length - FEW} more
        </Link>
      )}
    </section>
  );
}
