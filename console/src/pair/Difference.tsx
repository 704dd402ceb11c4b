import { Title } from '@patternfly/react-core';

import type { RunView } from '../api/shapes';
import { hasEnded } from '../live/reduce';
import { HealthMark } from '../show/HealthMark';
import { Moment } from '../show/Moments';
import { Prose } from '../show/Prose';
import { VisibleText } from '../show/VisibleText';
import { factsChanged, factsKept, healthBeforeAfter, isStillLooking } from './difference';
import { FactName } from './Facts';
import { Happenings } from './Happenings';
import type { Changed, Collected, PairView, Place } from './shapes';

const OUTCOMES: Record<Collected['outcome'], string> = {
  collected: 'collected',
  failed: 'failed',
  not_begun: 'did not begin',
  out_of_time: 'ran out of time',
};

function Value({ text, none }: { text?: string | null; none: string }) {
  return text === null || text === undefined ? (
    <span className="sb-faint">{none}</span>
  ) : (
    <code>
      <VisibleText text={text} lines />
    </code>
  );
}

function FactRow({ fact: { target, key, before, after } }: { fact: Changed['facts'][number] }) {
  return (
    <div>
      <dt>
        <FactName target={target} name={key} />
      </dt>
      <dd>
        <Value text={before} none="not there" />
        <span aria-label="became"> → </span>
        <Value text={after} none="gone" />
      </dd>
    </div>
  );
}

function Kept({ pair, place, changed }: { pair: PairView; place: Place; changed: number }) {
  const { kept, stale } = factsKept(pair, place);
  if (kept === 0) {
    return null;
  }
  const count = kept.toLocaleString('en');
  const other = changed > 0 ? ' other' : '';
  return (
    <p className="sb-faint">
      {kept === 1 ? `One${other} fact is` : changed > 0 ? `${count} other facts are` : `All ${count} facts are`} as
      before
      {stale > 0 && <span className="sb-warn">, {stale === kept ? 'all' : stale} of them stale</span>}.
    </p>
  );
}

/** Collectors that were to look, and could not: what they know may be older than the run. */
function NotCollected({ side, all }: { side: string; all: Collected[] }) {
  return all
    .filter(({ outcome }) => outcome !== 'collected')
    .map(({ collector, outcome, why }) => (
      <p key={collector} className="sb-warn">
        {side} it, <code>{collector}</code> {OUTCOMES[outcome]}
        {why && (
          <>
            : <Prose text={why} />
          </>
        )}
      </p>
    ));
}

function Part({ project, pair, place, run }: { project: string; pair: PairView; place: Place; run: string }) {
  const health = healthBeforeAfter(pair, place);
  const facts = factsChanged(pair.changed, place);
  return (
    <div className="sb-pair-service">
      <span>
        <strong>
          <VisibleText text={place.service} />
        </strong>{' '}
        <span className="sb-faint">
          <VisibleText text={place.environment} />
        </span>
      </span>
      {health !== null && (
        <p className="sb-pair-turn">
          <HealthMark health={health.before} />
          <span aria-label="became">→</span>
          <HealthMark health={health.after} />
          {health.before === health.after && <span className="sb-faint">as before</span>}
        </p>
      )}
      {facts.length > 0 && (
        <dl className="sb-pair-facts sb-pair-changed" aria-label={`Changed facts of ${place.service}`}>
          {facts.map((fact) => (
            <FactRow key={`${fact.target ?? ''} ${fact.key}`} fact={fact} />
          ))}
        </dl>
      )}
      <Kept pair={pair} place={place} changed={facts.length} />
      {pair.before && pair.after && (
        <Happenings project={project} place={place} run={run} from={pair.before.at} to={pair.after.at} />
      )}
    </div>
  );
}

/** Until when it is told. */
function End({ pair, run }: { pair: PairView; run: RunView }) {
  if (pair.after) {
    return <Moment at={pair.after.at} />;
  }
  if (!hasEnded(run.state)) {
    return 'now';
  }
  return isStillLooking(pair, run.finished_at ?? null)
    ? 'now, while its collectors look once more'
    : 'now: nobody wrote down how it stood after it';
}

/** What is not as it was before the run. */
export function Difference({ run, pair }: { run: RunView; pair: PairView }) {
  const { before, after, services } = pair;
  const { project } = run;
  if (!before) {
    return null;
  }
  return (
    <section className="sb-pair-part" aria-label={!after ? 'Before and now' : 'Before and after'}>
      <Title headingLevel="h2" size="md">
        {!after ? 'Before and now' : 'Before and after'}
      </Title>
      <p className="sb-faint sb-small">
        <Moment at={before.at} /> → <End pair={pair} run={run} />
      </p>
      {services.map((place) => (
        <Part key={`${place.service} ${place.environment}`} project={project} pair={pair} place={place} run={run.id} />
      ))}
      <NotCollected side="Before" all={before.collectors ?? []} />
      {after && <NotCollected side="After" all={after.collectors ?? []} />}
    </section>
  );
}
