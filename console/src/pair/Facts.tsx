import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import type { CollectorView, FactView } from '../api/shapes';
import { Ago } from '../show/Moments';
import { Prose } from '../show/Prose';
import { VisibleText } from '../show/VisibleText';
import { factsQuery } from './queries';
import type { Place } from './shapes';

const FEW = 10;

export function FactName({ target, name }: { target?: string | null; name: string }) {
  return (
    <>
      {target && (
        <span className="sb-faint">
          <VisibleText text={target} />{' '}
        </span>
      )}
      <VisibleText text={name} />
    </>
  );
}

function FactRow({ fact }: { fact: FactView }) {
  const { target, key, value, state, changed_at: changed, observed_at: observed } = fact;
  return (
    <div data-state={state}>
      <dt>
        <FactName target={target} name={key} />
      </dt>
      <dd>
        <code>
          <VisibleText text={value} lines />
        </code>
        <span className="sb-pair-fact-state">
          {state === 'current' ? (
            <span className="sb-faint" title="since when it is so">
              <Ago at={changed} />
            </span>
          ) : (
            <>
              {state},{' '}
              {state === 'gone' ? (
                <Ago at={changed} />
              ) : (
                <>
                  seen <Ago at={observed} />
                </>
              )}
            </>
          )}
        </span>
      </dd>
    </div>
  );
}

function Collector({ collector: { collector, failure, observed_at: observed } }: { collector: CollectorView }) {
  if (!failure && observed) {
    return null;
  }
  return (
    <p className="sb-warn">
      <code>{collector}</code> {failure ? <Prose text={`fails: ${failure}`} /> : 'has not looked yet.'}
    </p>
  );
}

/** What is known of the state and configuration of a service, and how far that can be relied on. */
export function Facts({ project, place }: { project: string; place: Place }) {
  const { data } = useQuery(factsQuery(project, place.service, place.environment));
  const [all, setAll] = useState(false);
  if (data === undefined) {
    return null;
  }
  const shown = all ? data.facts : data.facts.slice(0, FEW);
  return (
    <section aria-label={`Facts of ${place.service} in ${place.environment}`}>
      <h2 className="sb-pair-head">Facts</h2>
      {data.collectors.map((collector) => (
        <Collector key={collector.collector} collector={collector} />
      ))}
      {data.collectors.length === 0 && <p className="sb-faint">Nothing collects facts of it here.</p>}
      <dl className="sb-pair-facts">
        {shown.map((fact) => (
          <FactRow key={`${fact.target ?? ''} ${fact.key} ${fact.collector}`} fact={fact} />
        ))}
      </dl>
      {data.facts.length > FEW && (
        <button type="button" className="sb-plain-button" onClick={() => setAll(!all)}>
          {all ? 'Fewer' : `All ${data.facts.length.toLocaleString('en')} facts`}
        </button>
      )}
    </section>
  );
}
