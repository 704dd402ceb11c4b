import { SearchInput } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useSearchParams } from 'react-router';

import { factsQuery } from '../../api/queries';
import type { FactsView } from '../../api/shapes';
import { Loading } from '../../show/Loading';
import { apiPath } from '../../show/places';
import { TroubleNote } from '../../show/Trouble';
import { hasWords } from '../../show/words';
import { Collectors } from './Collectors';
import { CompareControl } from './CompareControl';
import { byEnvironment, comparedFrom, withCompared } from './facts';
import { FactsDiff } from './FactsDiff';
import { FactsTable } from './FactsTable';
import { Section } from './Section';

/** So many are looked over without looking through them. */
const FEW = 12;

function NoCollector({ service, environment }: { service: string; environment: string }) {
  return (
    <div className="sb-faint">
      <p>
        Nobody collects facts of it. A <em>collector</em> is a runbook that only reads, and writes what it sees as{' '}
        <code>name=value</code> to <code>$SIGNALBOX_FACTS</code>:
      </p>
      <pre className="sb-example">{`kind: Runbook
name: look-at-${service}
collects: {service: ${service}, environment: ${environment}, every: 10m, expire: 1h}
steps:
  - run: echo "kernel=$(uname -r)" >> "$SIGNALBOX_FACTS"
    effect: read`}</pre>
    </div>
  );
}

interface FactsPartProps {
  project: string;
  view: FactsView;
  environments: string[];
}

function FactsPart({ project, view, environments }: FactsPartProps) {
  const [text, setText] = useState('');
  const found = view.facts.filter(({ key, value, target, collector }) =>
    hasWords([key, value, target, collector], text),
  );
  const groups = byEnvironment(found, environments);
  const collectors = byEnvironment(view.collectors, environments);
  return (
    <>
      {view.facts.length > FEW && (
        <SearchInput
          className="sb-filter"
          aria-label="Filter facts"
          placeholder="Key, value, target"
          value={text}
          onChange={(_event, value) => setText(value)}
          onClear={() => setText('')}
          resultsCount={text.trim() === '' ? undefined : found.length}
        />
      )}
      {view.facts.length > 0 && found.length === 0 && <p className="sb-faint">No fact has “{text}” in it.</p>}
      {collectors.map(([environment, those]) => {
        const facts = groups.find(([name]) => name === environment)?.[1] ?? [];
        return (
          <div key={environment} className="sb-facts-of">
            {(environments.length > 1 || collectors.length > 1) && <h3>{environment}</h3>}
            {facts.length > 0 && <FactsTable project={project} environment={environment} facts={facts} />}
            {view.facts.every((fact) => fact.environment !== environment) && (
              <p className="sb-faint">No fact has been seen there yet.</p>
            )}
            <Collectors project={project} collectors={those} />
          </div>
        );
      })}
    </>
  );
}

interface FactsProps {
  project: string;
  service: string;
  /** The one that is looked at; all if none is. */
  environment: string | null;
  environments: string[];
}

/** What state and configuration is it in? */
export function Facts({ project, service, environment, environments }: FactsProps) {
  const [query, setQuery] = useSearchParams();
  const { data, error } = useQuery(factsQuery(project, service));
  const other = comparedFrom(query);
  const here = environment ?? environments[0] ?? 'production';
  const shown =
    data === undefined || environment === null
      ? data
      : {
          facts: data.facts.filter((fact) => fact.environment === environment),
          collectors: data.collectors.filter((collector) => collector.environment === environment),
        };
  const parameters = environment === null ? '' : `?environment=${encodeURIComponent(environment)}`;
  const some = data !== undefined && data.collectors.length > 0;
  return (
    <Section
      title="State and configuration"
      json={some ? `${apiPath(project, 'services', service, 'facts')}${parameters}` : undefined}
      beside={
        some && (
          <CompareControl
            environment={here}
            environments={environments}
            other={other}
            change={(next) => setQuery(withCompared(query, next), { replace: true, preventScrollReset: true })}
          />
        )
      }
    >
      {shown === undefined ? (
        error === null ? (
          <Loading />
        ) : (
          <TroubleNote error={error} />
        )
      ) : (
        <>
          {other !== null && <FactsDiff project={project} service={service} environment={here} other={other} />}
          {shown.collectors.length === 0 ? (
            <NoCollector service={service} environment={here} />
          ) : (
            <FactsPart
              project={project}
              view={shown}
              environments={environment === null ? environments : [environment]}
            />
          )}
        </>
      )}
    </Section>
  );
}
