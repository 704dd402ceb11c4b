import { Button, FormSelect, FormSelectOption, PageSection, SearchInput } from '@patternfly/react-core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useParams, useSearchParams } from 'react-router';

import { runbooksQuery, runsQuery } from '../../api/queries';
import type { RunFilter } from '../../api/shapes';
import { useRunsLive } from '../../live/useRunsLive';
import { LinkButton } from '../../show/LinkButton';
import { Loading } from '../../show/Loading';
import { PageHead } from '../../show/PageHead';
import { StateGlyph } from '../../show/State';
import { Trouble } from '../../show/Trouble';
import { usePageTitle } from '../../show/usePageTitle';
import { RUN_STATES, filterFrom, toQuery, toggled } from './filter';
import { RunsTable } from './RunsTable';

const SETTLE_MS = 300;

/** Words to filter by, asked for once one pauses. */
function WordsFilter({ text, change }: { text: string; change: (text: string) => void }) {
  const [typed, setTyped] = useState(text);
  const [known, setKnown] = useState(text);
  // The address changed by itself, as by going back.
  if (known !== text) {
    setKnown(text);
    setTyped(text);
  }
  useEffect(() => {
    if (typed === text) {
      return undefined;
    }
    const timer = setTimeout(() => change(typed), SETTLE_MS);
    return () => clearTimeout(timer);
  });
  return (
    <SearchInput
      className="sb-filter"
      aria-label="Filter by text"
      placeholder="Runbook, title, reason"
      value={typed}
      onChange={(_event, value) => setTyped(value)}
      onClear={() => change('')}
    />
  );
}

interface FilterBarProps {
  project: string;
  filter: RunFilter;
  change: (filter: RunFilter) => void;
}

function FilterBar({ project, filter, change }: FilterBarProps) {
  const { data: runbooks } = useQuery(runbooksQuery(project));
  const names = runbooks?.map(({ name }) => name).toSorted() ?? [];
  if (filter.runbook !== null && !names.includes(filter.runbook)) {
    names.unshift(filter.runbook);
  }
  return (
    <div className="sb-filters" role="group" aria-label="Filter">
      <div className="sb-states" role="group" aria-label="States">
        {RUN_STATES.map((state) => (
          <button
            key={state}
            type="button"
            aria-pressed={filter.states.includes(state)}
            onClick={() => change({ ...filter, states: toggled(filter.states, state) })}
          >
            <StateGlyph state={state} />
            {state}
          </button>
        ))}
      </div>
      <div className="sb-filter-words">
        <WordsFilter text={filter.text} change={(text) => change({ ...filter, text })} />
        <FormSelect
          aria-label="Runbook"
          className="sb-runbook-filter"
          value={filter.runbook ?? ''}
          onChange={(_event, name) => change({ ...filter, runbook: name === '' ? null : name })}
        >
          <FormSelectOption value="" label="All runbooks" />
          {names.map((name) => (
            <FormSelectOption key={name} value={name} label={name} />
          ))}
        </FormSelect>
      </div>
    </div>
  );
}

export default function RunsPage() {
  usePageTitle('Runs');
  const { project = '' } = useParams();
  const [query, setQuery] = useSearchParams();
  const filter = filterFrom(query);
  const runs = useInfiniteQuery(runsQuery(project, filter));
  useRunsLive(project);

  const change = (next: RunFilter): void => setQuery(toQuery(next), { replace: true });
  const items = runs.data?.pages.flatMap((page) => page.items) ?? [];
  const filtered = filter.states.length > 0 || filter.runbook !== null || filter.text.trim() !== '';
  return (
    <>
      <PageHead title="Runs" />
      <PageSection isFilled className="sb-body">
        <FilterBar project={project} filter={filter} change={change} />
        {runs.data === undefined ? (
          runs.error === null ? (
            <Loading />
          ) : (
            <Trouble error={runs.error} retry={() => void runs.refetch()} />
          )
        ) : items.length > 0 ? (
          <RunsTable runs={items} />
        ) : runs.hasNextPage ? (
          <p className="sb-none">None of the newest runs is like that; older ones have not been looked at yet.</p>
        ) : filtered ? (
          <p className="sb-none">
            No run is like that.{' '}
            <Button variant="link" isInline onClick={() => change({ states: [], runbook: null, text: '' })}>
              Show all runs
            </Button>
          </p>
        ) : (
          <div className="sb-none">
            <p>Nothing has run yet.</p>
            <LinkButton variant="secondary" to={`/p/${encodeURIComponent(project)}/runbooks`}>
              Choose a runbook
            </LinkButton>
          </div>
        )}
        {runs.hasNextPage && (
          <div className="sb-more">
            <Button
              variant="secondary"
              isLoading={runs.isFetchingNextPage}
              isDisabled={runs.isFetchingNextPage}
              onClick={() => void runs.fetchNextPage()}
            >
              {items.length > 0 ? 'Older runs' : 'Look at older runs'}
            </Button>
          </div>
        )}
      </PageSection>
    </>
  );
}
